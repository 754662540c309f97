#include "signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <utility>

namespace cohort::tools {

void HandleSignals(std::function<void(int signal)> on_first) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, on_first = std::move(on_first)] {
    pthread_setname_np(pthread_self(), "cohort-signals");
    int signal = 0;
    sigwait(&set, &signal);
    on_first(signal);
    sigwait(&set, &signal);
    _exit(128 + signal);
  }).detach();
}

}  // namespace cohort::tools
