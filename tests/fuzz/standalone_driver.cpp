// Runs a fuzz target without libFuzzer: first the files of the corpus, then seeded mutations of
// them.
//
//   TARGET [--runs N] [--seconds S] [--seed N] FILE|DIRECTORY…
//
// The same seed gives the same inputs. On a crash the input is saved as ./crash-NAME.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxInput = 4096;

struct Options {
  std::uint64_t runs = 20000;
  double seconds = 60;
  std::uint64_t seed = 1;
  std::vector<std::filesystem::path> paths;
};

// For the handler of crashes.
const std::string* g_input = nullptr;
std::string g_crash_file;

void save_input(int signal) {
  const int fd = ::open(g_crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd >= 0 && g_input != nullptr &&
      ::write(fd, g_input->data(), g_input->size()) == static_cast<ssize_t>(g_input->size())) {
    constexpr char kNote[] = "the input is in the file crash-…\n";
    static_cast<void>(!::write(STDERR_FILENO, kNote, sizeof kNote - 1));
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--runs" && has_value)
      options.runs = std::stoull(argv[++i]);
    else if (word == "--seconds" && has_value)
      options.seconds = std::stod(argv[++i]);
    else if (word == "--seed" && has_value)
      options.seed = std::stoull(argv[++i]);
    else
      options.paths.emplace_back(word);
  }
  return options;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// In the order of their names, so that a seed means the same everywhere.
std::vector<std::string> read_corpus(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files)
    corpus.push_back(content_of(file));
  return corpus;
}

class Mutator {
 public:
  Mutator(const std::vector<std::string>& corpus, std::uint64_t seed)
      : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string text = corpus_[below(corpus_.size())];
    for (std::size_t left = 1 + below(6); left > 0; --left)
      change(text);
    if (text.size() > kMaxInput) text.resize(kMaxInput);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  char any_byte() { return static_cast<char>(random_() & 0xFFU); }
  std::string interesting() {
    static const std::vector<std::string> kWords{"0",
                                                 "-1",
                                                 "18446744073709551615",
                                                 "18446744073709551616",
                                                 "2147483648",
                                                 "max",
                                                 "inf",
                                                 "nan",
                                                 "1e309",
                                                 "\n",
                                                 " ",
                                                 ":",
                                                 "/",
                                                 "=",
                                                 ")",
                                                 "(",
                                                 ",",
                                                 "\\040",
                                                 "\xff",
                                                 "\xc2",
                                                 "\xe2\x82",
                                                 "\x1b",
                                                 "'",
                                                 "\\",
                                                 "kB",
                                                 "%",
                                                 std::string(1, '\0')};
    return kWords[below(kWords.size())];
  }
  void change(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    switch (below(7)) {
      case 0:
        text.insert(at, 1, any_byte());
        break;
      case 1:
        text.insert(at, interesting());
        break;
      case 2:
        text.erase(at, 1 + below(8));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), below(32)));
        break;
      case 4:
        splice(text, at);
        break;
      case 5:
        text.resize(at);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
    }
  }
  void splice(std::string& text, std::size_t at) {
    const auto& other = corpus_[below(corpus_.size())];
    text = text.substr(0, at) + other.substr(below(other.size() + 1));
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

void run_one(const std::string& input) {
  g_input = &input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  g_input = nullptr;
}

std::uint64_t run_mutations(const Options& options, const std::vector<std::string>& corpus) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(options.seconds);
  Mutator mutator(corpus, options.seed);
  std::uint64_t done = 0;
  for (; done < options.runs && Clock::now() < deadline; ++done)
    run_one(mutator.next());
  return done;
}

int run(const Options& options) {
  auto corpus = read_corpus(options.paths);
  if (corpus.empty()) {
    std::cerr << "no corpus: name files or directories\n";
    return 2;
  }
  for (const auto& input : corpus)
    run_one(input);
  run_one({});
  const auto done = run_mutations(options, corpus);
  std::cout << corpus.size() << " corpus files and " << done << " mutations passed (seed "
            << options.seed << ")\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  g_crash_file = "crash-" + std::filesystem::path(argv[0]).filename().string();
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGBUS})
    std::signal(signal, &save_input);
  try {
    return run(parse_options(argc, argv));
  } catch (const std::exception& failure) {
    std::cerr << "fuzz driver: " << failure.what() << '\n';
    return 2;
  }
}
