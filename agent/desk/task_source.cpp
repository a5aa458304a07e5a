// A task is a run: its id is the run's, and it is on record before anybody is told of it.
#include <algorithm>
#include <utility>

#include "agent/desk/job_view.h"
#include "agent/desk/tools.h"

namespace jobward::desk {
namespace {

class RunTasks final : public mcp::TaskSource {
 public:
  explicit RunTasks(Desk& desk) : desk_(desk) {}

  std::optional<mcp::Task> find(const std::string& id) override {
    auto told = told_run(desk_, id);
    // Names and beginnings of ids are for people.
    if (!told || told->record.request.id != id) return std::nullopt;
    return task_of(told->record, std::move(told->view));
  }

  std::vector<mcp::Task> list(const std::string& after, std::size_t limit) override {
    std::vector<mcp::Task> out;
    auto runs = desk_.runs();
    if (!runs) return out;
    profiles::HistoryQuery query;
    query.limit = kMostLooked;
    const auto records = (*runs)->records.store->history(query);
    if (!records) return out;
    bool begun = after.empty();
    for (const auto& record : *records) {
      if (begun && record.request.survives_session && out.size() < limit) {
        auto told = told_in_list(**runs, record);
        out.push_back(task_of(told.record, std::move(told.view)));
      }
      begun = begun || record.request.id == after;
    }
    return out;
  }

  std::function<void()> await(const std::string& id, Then then) override {
    if (!is_task(id)) {
      then(std::nullopt);
      return [] {};
    }
    const int waiting =
        desk_.when_ended(id, [this, id, then = std::move(then)] { then(find(id)); });
    return [this, waiting] { desk_.forget(waiting); };
  }

  void cancel(const std::string& id, Then then) override {
    stop_run(desk_, id, {},
             [this, id, then = std::move(then)](const mcp::ToolAnswer&) { then(find(id)); });
  }

 private:
  static constexpr int kMostLooked = 2000;

  bool is_task(const std::string& id) {
    auto runs = desk_.runs();
    if (!runs) return false;
    const auto run = cli::look_up_run(**runs, id);
    return run && run->request.id == id;
  }

  Desk& desk_;
};

}  // namespace

std::unique_ptr<mcp::TaskSource> make_task_source(Desk& desk) {
  return std::make_unique<RunTasks>(desk);
}

}  // namespace jobward::desk
