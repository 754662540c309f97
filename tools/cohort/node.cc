#include "node.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "signals.h"

namespace cohort::tools {

Node::Node(NodeOptions options) : options_(std::move(options)), events_(options_.events) {
  status_.group_name = options_.group.group;
  status_.policy = ToString(options_.group.policy);
  status_.without_data = options_.group.without_data;
  options_.group.on_view = [this](const View& view) { events_.Add(view); };
  options_.group.on_event = [this](const Event& event) { events_.Add(event); };
}

Node::~Node() { Stop().IgnoreError(); }

void Node::WithStatus(const std::function<void(const NodeStatus&)>& use) {
  NodeStatus copy;
  {
    const std::lock_guard lock(mutex_);
    copy = status_;
  }
  use(copy);
}

absl::Status Node::Start() {
  if (options_.resp) {
    if (absl::Status status = resp_.Bind(*options_.resp); !status.ok()) return status;
    const std::lock_guard lock(mutex_);
    status_.resp = resp_.endpoint().ToString();
  }
  if (options_.http) {
    absl::Status status =
        http_.Start(*options_.http,
                    [this](const std::function<void(const NodeStatus&)>& use) { WithStatus(use); });
    if (!status.ok()) return status;
  }
  absl::StatusOr<Group> group = Group::Join(options_.group);
  if (!group.ok()) return group.status();
  group_.emplace(*std::move(group));
  if (absl::Status status = OpenMaps(); !status.ok()) return status;
  if (options_.resp) {
    resp_.service().leave = [this] { RequestStop(Farewell::kLeave); };
    resp_.service().drain = [this](absl::Duration timeout, auto done) {
      return Drain(timeout, std::move(done));
    };
    resp_.service().recent_events = [this](size_t count) { return events_.Recent(count); };
    resp_.service().on_dropped = [this](const std::string& text) {
      events_.Add("client_dropped", group_->name(), text);
    };
    if (absl::Status status = resp_.Start(&*group_, maps_, options_.resp_options); !status.ok())
      return status;
  }
  {
    const std::lock_guard lock(mutex_);
    status_.group = &*group_;
    status_.maps = maps_;
    status_.resp_stats = options_.resp ? &resp_.service().stats : nullptr;
    started_ = true;
  }
  AnnounceReady();
  return absl::OkStatus();
}

absl::Status Node::OpenMaps() {
  if (options_.group.without_data) return absl::OkStatus();
  for (const MapSpec& spec : options_.maps) {
    absl::StatusOr<ReplicatedMap> map = group_->OpenMap(spec.name, spec.options);
    if (!map.ok()) {
      return absl::Status(map.status().code(),
                          absl::StrCat("map ", spec.name, ": ", map.status().message()));
    }
    maps_.push_back(*std::move(map));
  }
  return absl::OkStatus();
}

void Node::AnnounceReady() {
  std::string text = absl::StrCat("member of ", options_.group.group, " at ", group_->address());
  if (options_.resp) absl::StrAppend(&text, "; RESP on ", resp_.endpoint().ToString());
  if (options_.http) absl::StrAppend(&text, "; HTTP on ", http_.endpoint().ToString());
  events_.Add("ready", group_->name(), text);
  if (options_.resp && !options_.resp->IsLoopback() && options_.resp_options.password.empty()) {
    events_.Add("warning", group_->name(),
                "Redis clients of the whole network are served without a password: see "
                "--resp-password-file");
  }
}

void Node::RequestStop(Farewell farewell) {
  const std::lock_guard lock(mutex_);
  if (!stop_requested_) stop_requested_ = farewell;
  changed_.notify_all();
}

bool Node::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

void Node::WaitForStop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_requested_.has_value(); });
}

bool Node::Drain(absl::Duration timeout, std::function<void(const absl::Status&)> done) {
  const std::lock_guard lock(mutex_);
  if (draining_ || drained_) return false;
  if (drainer_.joinable()) drainer_.join();  // An earlier one, which has ended.
  draining_ = true;
  drainer_ = std::thread([this, timeout, done = std::move(done)] {
    pthread_setname_np(pthread_self(), "cohort-drain");
    const absl::Status status = group_->Drain(timeout);
    {
      const std::lock_guard end(mutex_);
      drained_ = status.ok();
      draining_ = false;
    }
    done(status);  // Who is told that it failed may ask for another one.
    if (status.ok()) RequestStop(Farewell::kLeave);
  });
  return true;
}

void Node::DrainFirst() {
  {
    const std::lock_guard lock(mutex_);
    if (stop_requested_ != Farewell::kDrain || draining_ || drained_) return;
  }
  const absl::Duration timeout = options_.drain_timeout;
  // Alone there is nobody to wait for.
  if (timeout == absl::ZeroDuration() || !group_ || group_->view().members.size() < 2) return;
  const absl::Status status = group_->Drain(timeout);
  if (!status.ok())
    events_.Add("warning", group_->name(),
                absl::StrCat("leaves without being drained: ", status.message()));
  const std::lock_guard lock(mutex_);
  drained_ = status.ok();
}

absl::Status Node::Stop() {
  DrainFirst();
  resp_.Stop();
  http_.Stop();
  if (!group_) return absl::OkStatus();
  const std::string name = group_->name();
  absl::Status status = group_->Leave();
  if (drainer_.joinable()) drainer_.join();  // It sees that the group was left.
  maps_.clear();
  {
    const std::lock_guard lock(mutex_);
    if (drained_) status = absl::OkStatus();  // Left already.
    status_ = {};
  }
  group_.reset();
  if (!events_.Saw(EventKind::kLeft, name))
    events_.Add("left", name, status.ok() ? "" : status.ToString());
  return status;
}

int RunNode(int argc, char** argv) {
  CLI::App app("A member of a group: keeps replicated maps, serves them to Redis clients.",
               "cohort node");
  NodeFlags flags;
  flags.AddTo(app);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  if (flags.print_config) {
    std::fputs(app.config_to_str(true, true).c_str(), stdout);
    return kExitOk;
  }
  absl::StatusOr<NodeOptions> options = flags.ToOptions();
  if (!options.ok()) return Fail("node", options.status());

  static Node* running = nullptr;  // For the signal thread, which lives as long as the process.
  static std::mutex running_mutex;
  HandleSignals([](int signal) {
    const std::lock_guard lock(running_mutex);
    if (running == nullptr || !running->started()) _exit(128 + signal);
    running->RequestStop(Node::Farewell::kDrain);
  });
  Node node(*std::move(options));
  {
    const std::lock_guard lock(running_mutex);
    running = &node;
  }
  const absl::Status started = node.Start();
  if (started.ok()) node.WaitForStop();
  if (!started.ok()) exit_code = Fail("node", started);
  const absl::Status stopped = node.Stop();
  if (started.ok() && !stopped.ok()) exit_code = Fail("node", stopped);
  const std::lock_guard lock(running_mutex);
  running = nullptr;
  return exit_code;
}

}  // namespace cohort::tools
