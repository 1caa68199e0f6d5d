// The zip that TFLite's metadata tools append to a model: label lists and the like (APPNOTE.TXT,
// sections 4.3.7, 4.3.12, 4.3.16).

#include <algorithm>

#include "base/text.h"
#include "trust/scan/findings.h"

namespace hf::trust::scan {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEntryBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kMaxEntries = 64;

// Steps over one entry of the directory at `at`. False unless it is stored, plain text, and no
// name that Python would run.
bool check_entry(ByteView bytes, std::size_t& at, std::size_t directory) {
    if (kEntryBytes > bytes.size() - at) return false;
    const std::uint8_t* entry = bytes.data() + at;
    const bool stored =
        as_text({entry, 4}) == "PK\1\2"sv && load_le<std::uint16_t>(entry + 10) == 0;
    const std::size_t size = load_le<std::uint32_t>(entry + 24);
    const std::size_t name_bytes = load_le<std::uint16_t>(entry + 28);
    const std::size_t rest =
        std::size_t{load_le<std::uint16_t>(entry + 30)} + load_le<std::uint16_t>(entry + 32);
    const std::size_t local = load_le<std::uint32_t>(entry + 42);
    if (!stored || load_le<std::uint32_t>(entry + 20) != size) return false;
    if (name_bytes + rest > bytes.size() - at - kEntryBytes) return false;
    const std::string_view name = as_text(bytes.subspan(at + kEntryBytes, name_bytes));
    at += kEntryBytes + name_bytes + rest;
    if (name.ends_with(".py") || name.ends_with(".pyc")) return false;
    if (local > directory || kLocalBytes > directory - local) return false;
    const std::uint8_t* header = bytes.data() + local;
    const std::size_t start = local + kLocalBytes + load_le<std::uint16_t>(header + 26) +
                              load_le<std::uint16_t>(header + 28);
    if (as_text({header, 4}) != "PK\3\4"sv || start > directory || size > directory - start) {
        return false;
    }
    const ByteView content = bytes.subspan(start, size);
    return is_plain_text(content) && !foreign_start(content, false);
}

}  // namespace

bool is_plain_text(ByteView bytes) {
    const auto odd = [](std::uint8_t c) {
        return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
    };
    return std::none_of(bytes.begin(), bytes.end(), odd) && is_utf8(as_text(bytes));
}

bool has_text_appendix(ByteView bytes) {
    if (bytes.size() < kEndBytes) return false;
    const std::size_t end = bytes.size() - kEndBytes;  // a comment is refused
    const std::uint8_t* record = bytes.data() + end;
    const std::size_t entries = load_le<std::uint16_t>(record + 10);
    const std::size_t directory_bytes = load_le<std::uint32_t>(record + 12);
    const std::size_t directory = load_le<std::uint32_t>(record + 16);
    if (as_text({record, 4}) != "PK\5\6"sv || entries > kMaxEntries) return false;
    if (directory > end || directory_bytes != end - directory) return false;
    std::size_t at = directory;
    for (std::size_t i = 0; i < entries; ++i) {
        if (!check_entry(bytes, at, directory)) return false;
    }
    return at == end;
}

}  // namespace hf::trust::scan
