// The file that tells NGINX which servers are down, as tools/nginx/cohort-nginx writes it: every
// line of a server ends with `# NAME`, and has ` down` before its `;` if that server is down.
// Nothing else of the text is looked at, or changed, but the comment that begins with `# down:`.
//
// Threads: values; none of its own.
#ifndef COHORT_TOOLS_UPSTREAM_FILE_H_
#define COHORT_TOOLS_UPSTREAM_FILE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cohort::tools {

inline constexpr size_t kUpstreamFileBytesMax = size_t{1} << 20;
inline constexpr size_t kUpstreamServersMax = 1024;

// Which file was read, and in which state.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t changed_ns = 0;
  int64_t bytes = 0;
  bool operator==(const FileStamp&) const = default;
};

struct UpstreamFile {
  std::string text;
  FileStamp stamp;                               // Of the file, if it was read from one.
  std::vector<std::string> names;                // In the order in which they first appear.
  std::set<std::string> down;                    // All of whose lines say so.
  std::map<std::string, std::string> addresses;  // "HOST:PORT" by name, of the first line of each.
  // Servers that stand in for one another, by the blocks `upstream cohort_for_NAME`; one without
  // such a block is alone.
  std::vector<std::set<std::string>> clusters;
};

// Errors: kInvalidArgument, where no line is one of a server, there are too many servers, or lines
// end with CR LF.
absl::StatusOr<UpstreamFile> ParseUpstreams(std::string text);
// The same text with these servers marked down (true) or up, and the others as they are.
std::string WithMarks(const UpstreamFile& file, const std::map<std::string, bool>& marks);

// Errors: kNotFound, kPermissionDenied, kResourceExhausted (larger than the limit), and those of
// ParseUpstreams.
absl::StatusOr<UpstreamFile> ReadUpstreams(const std::string& path);
// In one step: whoever opens `path` sees the old text or the new one. Keeps mode and owner; where
// `path` is a symbolic link, the link, too. `read` is what `text` was made of.
// Errors: kAborted: somebody else has written the file since it was read; read it again.
//         kUnavailable, with the system's words.
absl::Status ReplaceUpstreams(const std::string& path, const UpstreamFile& read,
                              std::string_view text);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_UPSTREAM_FILE_H_
