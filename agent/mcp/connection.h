// One client of the server: what it has said so far, and the requests it waits for.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mcp/call.h"
#include "agent/mcp/message.h"
#include "agent/mcp/revision.h"
#include "agent/mcp/tasks.h"
#include "agent/mcp/tool.h"

namespace jobward::mcp {

// What is served. Outlives all connections.
struct Service {
  std::string name;
  std::string title;
  std::string version;
  std::string instructions;  // for the model, a few sentences
  std::vector<Tool> tools;
  TaskSource* tasks = nullptr;
  boost::asio::any_io_executor executor;
};

// One request, understood.
struct Asked {
  Json id;
  std::string method;
  Json params;
  Revision revision = Revision::handshake;
  Client client;
  bool knows_tasks = false;  // stateless: this request declares the extension
};

// A request's way back: one of the two is called once, in the server's thread, now or later.
struct Reply {
  std::function<void(Json result)> result;
  std::function<void(RpcError error)> error;
};

class Connection {
 public:
  // `send`: a whole message to the client. It must not call back before it returns.
  Connection(const Service& service, std::function<void(const Json& message)> send);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Whatever the text is.
  void receive(std::string_view text);
  // A message was too long to be kept.
  void refuse_too_long();
  // The transport knows that it is a client of the handshake (HTTP without a session).
  void take_as_agreed() { agreed_ = true; }
  // The client is gone, or wants no answers: its calls are cut, and nothing is sent any more but
  // what they had answered.
  void cut(Call::Cut how = Call::Cut::gone);
  // Does a request go on?
  [[nodiscard]] bool is_busy() const { return !going_on_.empty(); }

  // ---- For the methods

  [[nodiscard]] const Service& service() const { return service_; }
  void shake_hands(const Client& client);
  // Its progress and its end go to the client; it can be cancelled.
  void start(const Asked& asked, const Tool& tool, Json arguments, bool as_task,
             const Reply& reply);
  // What has to be let go when this request is cancelled, or its client is gone, before it is
  // answered.
  void on_cut(const Asked& asked, std::function<void()> let_go);

 private:
  void take(Request request);
  void take(const Notification& notification);
  [[nodiscard]] std::optional<RpcError> understand(const Request& request, Asked& asked) const;
  Reply way_back(const Asked& asked);

  const Service& service_;
  std::function<void(const Json&)> send_;
  bool agreed_ = false;
  Client client_;
  // A request that has not been answered. One that has neither cannot be cut.
  struct GoingOn {
    std::shared_ptr<Call> call;
    std::function<void()> let_go;
    void cut(Call::Cut how) const;
  };
  // By the id as JSON.
  std::map<std::string, GoingOn> going_on_;
  // Answers that come when this is gone go nowhere.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace jobward::mcp
