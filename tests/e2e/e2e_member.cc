// A member with a channel and locks, driven by lines on its standard input: what e2e.py starts,
// asks and kills, since the program `cohort` has neither.
//   e2e_member NAME ADDRESS KEY_FILE
// In                             Out, one line each, words apart by one space
//   hold                          held            answers no request from now on
//   lock NAME                     locked NAME TIME WRITER, of the fence; or failed TEXT
//   ask AWAIT MILLISECONDS        when it is over: asked AWAIT STATUS, then NAME STATE of each
// Before that: view NAMES..., for each view. Ends with its input.
#include <cohort/cohort.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

std::mutex output_mutex;

void Say(const std::string& line) {
  const std::lock_guard lock(output_mutex);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// Keeps the responders of those it does not answer: one that is destroyed is an answer.
class Server {
 public:
  void OnRequest(const cohort::ReceivedRequest& request, cohort::Responder responder) {
    const std::lock_guard lock(mutex_);
    if (hold) {
      kept_.push_back(std::move(responder));
      return Say("kept");
    }
    responder.Answer("answer to " + std::string(request.payload)).IgnoreError();
  }
  std::atomic<bool> hold{false};

 private:
  std::mutex mutex_;
  std::vector<cohort::Responder> kept_;
};

void SayView(const cohort::View& view) {
  std::string line = "view";
  for (const cohort::Member& member : view.members) line += " " + member.name;
  Say(line);
}

cohort::Await AwaitOf(const std::string& word) {
  if (word == "first") return cohort::Await::kFirst;
  return word == "majority" ? cohort::Await::kMajority : cohort::Await::kAll;
}

std::string StateOf(const cohort::Answer& answer) {
  if (answer.state == cohort::AnswerState::kAnswered && answer.payload != "answer to question")
    return "wrong";
  std::string state = ToString(answer.state);
  std::replace(state.begin(), state.end(), ' ', '-');
  return state;
}

void Ask(cohort::Channel& channel, const std::string& await, int milliseconds) {
  cohort::RequestOptions options;
  options.timeout = absl::Milliseconds(milliseconds);
  options.await = AwaitOf(await);
  const absl::Status status =
      channel.RequestAsync("question", options, [await](const cohort::RequestResult& result) {
        std::string line = "asked " + await + " ";
        line += absl::StatusCodeToString(result.status.code());
        for (const cohort::Answer& answer : result.answers)
          line += " " + answer.name + " " + StateOf(answer);
        Say(line);
      });
  if (!status.ok()) Say("failed " + std::string(status.message()));
}

void Obey(Server& server, cohort::Channel& channel, cohort::LockService& locks) {
  std::vector<cohort::HeldLock> held;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "hold") {
      server.hold = true;
      Say("held");
    } else if (verb == "lock") {
      std::string name;
      words >> name;
      absl::StatusOr<cohort::HeldLock> lock = locks.Acquire(name, absl::Seconds(60));
      if (!lock.ok()) {
        Say("failed " + std::string(lock.status().message()));
        continue;
      }
      Say("locked " + name + " " + std::to_string(lock->fence().time) + " " +
          std::to_string(lock->fence().writer));
      held.push_back(*std::move(lock));
    } else if (verb == "ask") {
      std::string await;
      int milliseconds = 0;
      words >> await >> milliseconds;
      Ask(channel, await, milliseconds);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: e2e_member NAME ADDRESS KEY_FILE\n"), 2;
  Server server;
  cohort::GroupOptions options;
  options.group = "requests";
  options.name = argv[1];
  options.bind = argv[2];
  options.key_file = argv[3];
  options.on_view = SayView;
  cohort::ChannelOptions stock;
  stock.name = "stock";
  stock.on_request = [&server](const cohort::ReceivedRequest& request,
                               cohort::Responder responder) {
    server.OnRequest(request, std::move(responder));
  };
  options.channels.push_back(stock);
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  absl::StatusOr<cohort::Channel> channel = group->OpenChannel("stock");
  absl::StatusOr<cohort::LockService> locks = cohort::LockService::Open(*group);
  if (!channel.ok() || !locks.ok()) return std::fprintf(stderr, "no channel or no locks\n"), 1;
  Say("ready");
  Obey(server, *channel, *locks);
}
