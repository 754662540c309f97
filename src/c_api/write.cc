#include "c_api/write.h"

namespace cohort::c_api {

absl::StatusOr<WriteOptions> ToWriteOptions(const cohort_write_options_t* options) {
  const absl::StatusOr<cohort_write_options_t> from = ReadStruct(options, "options");
  if (!from.ok()) return from.status();
  WriteOptions to;
  switch (from->ack) {
    case COHORT_ACK_ALL:
      to.ack = Ack::kAll;
      break;
    case COHORT_ACK_ONE:
      to.ack = Ack::kOne;
      break;
    case COHORT_ACK_LOCAL:
      to.ack = Ack::kLocal;
      break;
    default:
      return Invalid("options: there is no ack " + std::to_string(from->ack));
  }
  if (from->ttl_ms != 0) to.ttl = absl::Milliseconds(from->ttl_ms);
  to.keep_ttl = from->keep_ttl != 0;
  to.by_owner = from->by_owner != 0;
  to.if_present = from->if_present != 0;
  const absl::StatusOr<absl::Duration> timeout = ToTimeout(from->timeout_ms, to.timeout);
  if (!timeout.ok()) return timeout.status();
  to.timeout = *timeout;
  return to;
}

cohort_write_result_t FromResult(const WriteResult& result) {
  cohort_write_result_t to{};
  to.size = sizeof to;
  to.status = static_cast<cohort_status_t>(result.status.code());
  to.replicas = result.replicas;
  to.version = FromVersion(result.version);
  to.number = result.number;
  return to;
}

WriteCallback ToWriteCallback(cohort_write_fn done, void* user) {
  if (done == nullptr) return nullptr;
  return [done, user](const WriteResult& result) noexcept {
    const cohort_write_result_t told = FromResult(result);
    done(&told, std::string(result.status.message()).c_str(), user);
  };
}

std::vector<std::string> NamesOf(const cohort_attributes_t& attributes) {
  std::vector<std::string> names;
  names.reserve(attributes.list.size());
  for (const Attribute& attribute : attributes.list) names.push_back(attribute.name);
  return names;
}

}  // namespace cohort::c_api
