// Members ask one another, take turns by a lock, and count together. Start it several times at
// once: each asks all. On this host alone.
//   requests [GROUP]
#include <cohort/cohort.h>

#include <cstdio>
#include <string>

namespace {

absl::Status Ask(cohort::Group& group) {
  absl::StatusOr<cohort::Channel> stock = group.OpenChannel("stock");
  if (!stock.ok()) return stock.status();
  const cohort::RequestResult result = stock->Request("lamps", {.timeout = absl::Seconds(1)});
  for (const cohort::Answer& answer : result.answers) {
    std::printf("%s: %s\n", answer.name.c_str(),
                answer.state == cohort::AnswerState::kAnswered ? answer.payload.c_str()
                                                               : ToString(answer.state));
  }
  return result.status;
}

void WriteReport(const cohort::Version& fence, int64_t number) {
  std::printf("report %d, written under fence %s\n", static_cast<int>(number),
              fence.ToString().c_str());
}

absl::Status Report(cohort::Group& group) {
  absl::StatusOr<cohort::LockService> locks = cohort::LockService::Open(group);
  if (!locks.ok()) return locks.status();
  absl::StatusOr<cohort::HeldLock> lock = locks->Acquire("report");
  if (!lock.ok()) return lock.status();

  absl::StatusOr<cohort::ReplicatedMap> numbers = group.OpenMap("numbers");
  if (!numbers.ok()) return numbers.status();
  cohort::Counter reports(*numbers, "reports");
  const absl::StatusOr<int64_t> number = reports.Add(1);
  if (!number.ok()) return number.status();
  WriteReport(lock->fence(), *number);
  return lock->Release();
}

}  // namespace

int main(int argc, char** argv) {
  cohort::GroupOptions options;
  options.group = argc > 1 ? argv[1] : "requests";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  cohort::ChannelOptions stock;
  stock.name = "stock";
  stock.on_request = [](const cohort::ReceivedRequest& request, cohort::Responder responder) {
    responder.Answer("4 " + std::string(request.payload)).IgnoreError();
  };
  options.channels.push_back(stock);
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  for (absl::Status (*step)(cohort::Group&) : {&Ask, &Report}) {
    if (const absl::Status status = step(*group); !status.ok())
      return std::fprintf(stderr, "%s\n", status.ToString().c_str()), 1;
  }
}
