// sleepers N: starts N processes that do nothing, says "ready", and waits. They end with it.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int count, char** words) {
  const int wanted = count > 1 ? std::atoi(words[1]) : 0;
  for (int i = 0; i < wanted; ++i) {
    const pid_t child = fork();
    if (child < 0) {
      std::perror("fork");
      return 2;
    }
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true)
        pause();
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  while (true)
    pause();
}
