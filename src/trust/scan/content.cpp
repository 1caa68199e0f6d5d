// What bytes are by their marks, and pickles by their opcodes (CPython: Lib/pickletools.py lists
// them; this is only the length of each argument).

#include <algorithm>
#include <array>

#include "trust/scan/findings.h"

namespace hf::trust::scan {
namespace {

struct Mark {
    std::size_t at;
    std::string_view bytes;
    Foreign foreign;
};

constexpr Foreign kArchive{"archive",
                           "an archive or compressed data; unpack it and scan the files"};
constexpr Foreign kHdf5{"hdf5", "HDF5, as Keras writes it, which may hold code; export to ONNX"};
constexpr Foreign kProgram{"executable", "a program, not a model"};
constexpr Foreign kScript{"script", "a script, not a model"};
constexpr Foreign kPickle{"pickle",
                          "a Python pickle, which runs code when it is read; export to ONNX"};
constexpr Foreign kOther{"unsupported-format",
                         "a format that Holdfast does not take; export to ONNX"};

using namespace std::string_view_literals;

constexpr std::array kMarks{
    Mark{0, "PK\3\4"sv, kArchive},
    Mark{0, "PK\5\6"sv, kArchive},
    Mark{0, "PK\7\10"sv, kArchive},
    Mark{0, "7z\xbc\xaf\x27\x1c"sv, kArchive},
    Mark{0, "Rar!\x1a\7"sv, kArchive},
    Mark{0, "\xfd\x37zXZ\0"sv, kArchive},
    Mark{0, "\x28\xb5\x2f\xfd"sv, kArchive},
    Mark{0, "\x04\x22\x4d\x18"sv, kArchive},
    Mark{257, "ustar"sv, kArchive},
    Mark{0, "\x1f\x8b"sv, kArchive},
    Mark{0, "BZh"sv, kArchive},
    Mark{0, "\x89HDF\r\n\x1a\n"sv, kHdf5},
    Mark{0,
         "\x7f"
         "ELF"sv,
         kProgram},
    Mark{0, "MZ"sv, kProgram},
    Mark{0, "\xfe\xed\xfa\xce"sv, kProgram},
    Mark{0, "\xfe\xed\xfa\xcf"sv, kProgram},
    Mark{0, "\xce\xfa\xed\xfe"sv, kProgram},
    Mark{0, "\xcf\xfa\xed\xfe"sv, kProgram},
    Mark{0, "\xca\xfe\xba\xbe"sv, kProgram},
    Mark{0, "\0asm"sv, kProgram},
    Mark{0, "#!"sv, kScript},
    Mark{0, "<?php"sv, kScript},
    Mark{0, "\x93NUMPY"sv, kOther},
    Mark{0, "GGUF"sv, kOther},
    Mark{0, "%PDF-"sv, kOther},
};

bool has_mark(ByteView bytes, std::size_t at, std::string_view mark) {
    return bytes.size() >= mark.size() && at <= bytes.size() - mark.size() &&
           as_text(bytes.subspan(at, mark.size())) == mark;
}

// A zip is found from its end: the end record, whose comment reaches exactly to the end of file.
bool ends_as_zip(ByteView bytes) {
    constexpr std::size_t kRecordBytes = 22;
    constexpr std::size_t kCommentMax = 65'535;
    if (bytes.size() < kRecordBytes) return false;
    const std::size_t last = bytes.size() - kRecordBytes;
    const std::size_t first = last > kCommentMax ? last - kCommentMax : 0;
    for (std::size_t at = first; at <= last; ++at) {
        if (bytes[at] != 'P' || !has_mark(bytes, at, "PK\5\6"sv)) continue;
        if (at + kRecordBytes + load_le<std::uint16_t>(bytes.data() + at + 20) == bytes.size()) {
            return true;
        }
    }
    return false;
}

// HDF5 looks for itself at 0, 512, 1024, 2048, ...
bool has_hdf5_superblock(ByteView bytes) {
    for (std::size_t at = 512; at < bytes.size(); at *= 2) {
        if (has_mark(bytes, at, "\x89HDF\r\n\x1a\n"sv)) return true;
    }
    return false;
}

// Opcodes by the form of their argument.
constexpr std::string_view kPlain =
    "()0123.NQRabdeloqrst]u}\x85\x86\x87\x88\x89\x81\x91\x92\x93\x94\x8f\x90\x97\x98"sv;
constexpr std::string_view kLine = "FILpgPSV"sv;  // up to a newline
constexpr std::string_view kTwoLines = "ci"sv;    // module and name
constexpr std::string_view kLoads =
    "ciR\x81\x92\x93\x82\x83\x84ob"sv;  // reach for a name or call it

// The bytes of a fixed argument; nullopt when the opcode has none of that form.
std::optional<std::size_t> fixed_argument(char opcode) {
    switch (static_cast<unsigned char>(opcode)) {
        case 0x80:
        case 'K':
        case 'h':
        case 'q':
        case 0x82: return 1;
        case 'M':
        case 0x83: return 2;
        case 'J':
        case 'j':
        case 'r':
        case 0x84: return 4;
        case 'G':
        case 0x95: return 8;
        default: return std::nullopt;
    }
}

// The bytes of the length in front of a counted argument.
std::size_t count_width(char opcode) {
    switch (static_cast<unsigned char>(opcode)) {
        case 'U':
        case 'C':
        case 0x8a:
        case 0x8c: return 1;
        case 'T':
        case 'B':
        case 'X':
        case 0x8b: return 4;
        case 0x8d:
        case 0x8e:
        case 0x96: return 8;
        default: return 0;
    }
}

// Steps over `lines` lines from `at`; false when the text ends before.
bool skip_lines(std::string_view text, std::size_t& at, int lines) {
    for (; lines > 0; --lines) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string_view::npos) return false;
        at = end + 1;
    }
    return true;
}

bool skip_argument(std::string_view text, char opcode, std::size_t& at) {
    if (const std::optional<std::size_t> fixed = fixed_argument(opcode)) {
        if (*fixed > text.size() - at) return false;
        at += *fixed;
        return true;
    }
    if (const std::size_t width = count_width(opcode)) {
        if (width > text.size() - at) return false;
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < width; ++i) {
            count |= std::uint64_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
        }
        at += width;
        if (count > text.size() - at) return false;
        at += count;
        return true;
    }
    if (kLine.find(opcode) != std::string_view::npos) return skip_lines(text, at, 1);
    if (kTwoLines.find(opcode) != std::string_view::npos) return skip_lines(text, at, 2);
    return kPlain.find(opcode) != std::string_view::npos;
}

}  // namespace

bool is_pickle(ByteView bytes) {
    const std::string_view text = as_text(bytes);
    bool loads = text.starts_with("\x80");
    for (std::size_t at = 0; at < text.size();) {
        const char opcode = text[at++];
        if (opcode == '.') return loads;
        loads = loads || kLoads.find(opcode) != std::string_view::npos;
        if (!skip_argument(text, opcode, at)) return false;
    }
    return false;
}

std::optional<Foreign> foreign_start(ByteView bytes, bool strict) {
    for (const Mark& mark : kMarks) {
        if (strict && mark.bytes.size() < 4) continue;
        if (has_mark(bytes, mark.at, mark.bytes)) return mark.foreign;
    }
    const bool protocol = bytes.size() >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
    const bool pickle = is_pickle(bytes);
    if (strict ? protocol && pickle : protocol || pickle) return kPickle;
    return std::nullopt;
}

std::optional<Foreign> second_meaning(ByteView bytes) {
    if (ends_as_zip(bytes)) return Foreign{"polyglot", "it ends as a zip archive"};
    if (has_mark(bytes, 257, "ustar"sv)) return Foreign{"polyglot", "it begins as a tar archive"};
    if (has_hdf5_superblock(bytes)) return Foreign{"polyglot", "it holds an HDF5 superblock"};
    const std::string_view head = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 1024)));
    if (head.find("%PDF-") != std::string_view::npos) {
        return Foreign{"polyglot", "it begins as a PDF"};
    }
    return std::nullopt;
}

std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> dims, std::uint64_t width) {
    std::uint64_t count = width;
    bool empty = false;
    for (const std::int64_t extent : dims) {
        if (extent < 0) return std::nullopt;
        empty = empty || extent == 0;
        if (extent == 0) continue;
        if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(extent), &count)) {
            return std::nullopt;
        }
    }
    return empty ? 0 : count;
}

}  // namespace hf::trust::scan
