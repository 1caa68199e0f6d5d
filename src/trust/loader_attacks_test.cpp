// Attacks on the loaders (edge-trust cases A82 and A83) that need files no writer would make. The
// rest of A73 to A85 is in scan_test.cpp and beside the importers; docs/reference/attacks.md lists
// all.

#include <cstring>
#include <functional>

#include <gtest/gtest.h>

#include "trust/scan.h"

namespace hf::trust {
namespace {

// "accepted", or the code of the first refusal.
std::string verdict(ByteView bytes) {
    const FileToScan file{"m", bytes};
    const ScanResult result = scan_model({&file, 1}, {});
    if (result.accepted) return "accepted";
    for (const Finding& finding : result.findings) {
        if (finding.refused) return finding.code;
    }
    return "refused without a reason";
}

std::string safetensors(const std::string& header, std::size_t data, std::int64_t longer = 0) {
    const std::uint64_t size = header.size() + static_cast<std::uint64_t>(longer);
    std::string text(sizeof(size), '\0');
    std::memcpy(text.data(), &size, sizeof(size));
    return text + header + std::string(data, 'x');
}

TEST(LoaderAttacks, A82SafetensorsThatContradictThemselves) {
    const auto two = [](std::string_view first, std::string_view second) {
        return fmt::format(R"({{"a":{{"dtype":"U8","shape":[8],"data_offsets":[{}]}},)"
                           R"("b":{{"dtype":"U8","shape":[8],"data_offsets":[{}]}}}})",
                           first, second);
    };
    const std::string good = two("0,8", "8,16");
    const std::string huge = R"({"a":{"dtype":"F64","shape":[2305843009213693953],)"
                             R"("data_offsets":[0,8]}})";
    struct Case {
        std::string_view what;
        std::string file;
        std::string_view code;
    };
    const std::vector<Case> cases{
        {"nothing wrong", safetensors(good, 16), "accepted"},
        {"header longer than the file", safetensors(good, 16, 1000), "safetensors-header"},
        {"header into the data", safetensors(good, 16, 4), "safetensors-header"},
        {"header cut", safetensors(good, 16, -4), "safetensors-header"},
        {"the same bytes twice", safetensors(two("0,8", "0,8"), 16), "safetensors-offsets"},
        {"overlap", safetensors(two("0,8", "4,12"), 12), "safetensors-offsets"},
        {"gap", safetensors(two("0,8", "12,20"), 20), "safetensors-offsets"},
        {"a tail that nobody names", safetensors(good, 17), "safetensors-offsets"},
        {"beyond the file", safetensors(two("0,8", "800,808"), 16), "safetensors-offsets"},
        {"backwards", safetensors(two("8,0", "8,16"), 16), "safetensors-tensor"},
        {"a size that wraps", safetensors(huge, 8), "safetensors-tensor"},
    };
    for (const Case& c : cases) EXPECT_EQ(verdict(as_bytes(c.file)), c.code) << c.what;
}

// A flatbuffer of one operator code, one buffer and one subgraph with one tensor; the places are
// where an attacker writes.
class Flatbuffer {
public:
    Flatbuffer() {
        bytes_ = {0, 0, 0, 0, 'T', 'F', 'L', '3'};
        model_ = table(5, 4);
        point(0, model_);
        set<std::uint32_t>(field(model_, 0, 4), 3);  // the version
        const std::size_t codes = vector(1);
        point(field(model_, 1, 4), codes);
        code_ = table(4, 4);
        point(codes + 4, code_);
        point(field(code_, 1, 4), vector(0));  // no custom name
        graphs_ = vector(1);
        point(field(model_, 2, 4), graphs_);
        graph_ = table(4, 4);
        point(graphs_ + 4, graph_);
        for (std::size_t i = 0; i < 4; ++i) point(field(graph_, i, 4), vector(0));
        tensors_ = vector(1);
        point(field(graph_, 0, 4), tensors_);
        tensor_ = table(4, 4);
        point(tensors_ + 4, tensor_);
        shape_ = vector(1);
        set<std::uint32_t>(shape_ + 4, 4);
        point(field(tensor_, 0, 4), shape_);
        point(field(tensor_, 3, 4), vector(0));  // its name
        point(field(model_, 3, 4), vector(0));   // a description
        buffers_ = vector(1);
        point(field(model_, 4, 4), buffers_);
        buffer_ = table(3, 8);
        point(buffers_ + 4, buffer_);
        point(field(buffer_, 0, 8), vector(4));  // 16 bytes, by their length below
        set<std::uint32_t>(bytes_.size() - 20, 16);
    }

    template <typename T>
    void set(std::size_t at, T value) {
        std::memcpy(bytes_.data() + at, &value, sizeof(value));
    }
    static std::size_t field(std::size_t table, std::size_t number, std::size_t width) {
        return table + 4 + number * width;
    }
    std::size_t vtable_of(std::size_t table) const {
        std::int32_t back = 0;
        std::memcpy(&back, bytes_.data() + table, sizeof(back));
        return static_cast<std::size_t>(static_cast<std::int64_t>(table) - back);
    }

    Bytes bytes_;
    std::size_t model_ = 0, code_ = 0, graphs_ = 0, graph_ = 0, tensors_ = 0, tensor_ = 0,
                shape_ = 0, buffers_ = 0, buffer_ = 0;

private:
    std::size_t table(std::size_t fields, std::size_t width) {
        const std::size_t vtable = grow(4 + 2 * fields + (fields % 2) * 2);
        set<std::uint16_t>(vtable, static_cast<std::uint16_t>(4 + 2 * fields));
        set<std::uint16_t>(vtable + 2, static_cast<std::uint16_t>(4 + width * fields));
        for (std::size_t i = 0; i < fields; ++i)
            set<std::uint16_t>(vtable + 4 + 2 * i, static_cast<std::uint16_t>(4 + width * i));
        const std::size_t at = grow(4 + width * fields);
        set<std::int32_t>(at, static_cast<std::int32_t>(at - vtable));
        return at;
    }
    std::size_t vector(std::size_t words) {
        const std::size_t at = grow(4 + 4 * words);
        set<std::uint32_t>(at, static_cast<std::uint32_t>(words));
        return at;
    }
    std::size_t grow(std::size_t size) {
        const std::size_t at = bytes_.size();
        bytes_.resize(at + size);
        return at;
    }
    void point(std::size_t from, std::size_t to) {
        set<std::uint32_t>(from, static_cast<std::uint32_t>(to - from));
    }
};

TEST(LoaderAttacks, A83FlatbuffersThatLeadAstray) {
    constexpr std::uint32_t kFar = 0x7fffffff, kAll = 0xffffffff;
    using Edit = std::function<void(Flatbuffer&)>;
    const std::string_view malformed = "tflite-malformed";
    struct Case {
        std::string_view what;
        Edit edit;
        std::string_view code;
    };
    const std::vector<Case> cases{
        {"nothing wrong", [](Flatbuffer&) {}, "accepted"},
        {"the root beyond the end", [](Flatbuffer& f) { f.set(0, kFar); }, malformed},
        {"the root is nowhere", [](Flatbuffer& f) { f.set(0, 0); }, malformed},
        {"the root at the last byte",
         [](Flatbuffer& f) { f.set(0, static_cast<std::uint32_t>(f.bytes_.size() - 1)); },
         malformed},
        {"a vtable before the file", [](Flatbuffer& f) { f.set(f.model_, kFar); }, malformed},
        {"a vtable behind the file", [](Flatbuffer& f) { f.set<std::int32_t>(f.model_, -100'000); },
         malformed},
        {"a vtable at an odd place",
         [](Flatbuffer& f) {
             f.set<std::int32_t>(f.model_, static_cast<std::int32_t>(f.model_ - 9));
         },
         malformed},
        {"a vtable of two bytes",
         [](Flatbuffer& f) { f.set<std::uint16_t>(f.vtable_of(f.model_), 2); }, malformed},
        {"a field outside its table",
         [](Flatbuffer& f) { f.set<std::uint16_t>(f.vtable_of(f.model_) + 4, 0x7ff0); }, malformed},
        {"a field inside the table's head",
         [](Flatbuffer& f) { f.set<std::uint16_t>(f.vtable_of(f.model_) + 4, 2); }, malformed},
        {"more subgraphs than bytes", [&](Flatbuffer& f) { f.set(f.graphs_, kAll); }, malformed},
        {"no subgraph", [](Flatbuffer& f) { f.set(f.graphs_, 0); }, malformed},
        {"a subgraph beyond the end", [](Flatbuffer& f) { f.set(f.graphs_ + 4, kFar); }, malformed},
        {"a subgraph that is its own list", [](Flatbuffer& f) { f.set(f.graphs_ + 4, 0); },
         malformed},
        {"a tensor that wraps around", [&](Flatbuffer& f) { f.set(f.tensors_ + 4, kAll); },
         malformed},
        {"a shape of four thousand millions", [&](Flatbuffer& f) { f.set(f.shape_, kAll); },
         malformed},
        {"a buffer that is not there",
         [](Flatbuffer& f) { f.set(Flatbuffer::field(f.tensor_, 2, 4), 7); }, malformed},
        {"a shape that does not fit its buffer", [](Flatbuffer& f) { f.set(f.shape_ + 4, 5); },
         "tensor-size"},
        {"a negative extent", [&](Flatbuffer& f) { f.set(f.shape_ + 4, kAll); }, "tensor-size"},
        {"another version", [](Flatbuffer& f) { f.set(Flatbuffer::field(f.model_, 0, 4), 2); },
         "tflite-version"},
        {"bytes outside the flatbuffer",
         [](Flatbuffer& f) { f.set<std::uint64_t>(Flatbuffer::field(f.buffer_, 1, 8), 1u << 20); },
         "tflite-external-buffer"},
        {"a custom operator", [](Flatbuffer& f) { f.set(Flatbuffer::field(f.code_, 3, 4), 32); },
         "custom-operator"},
        {"a custom operator by its old code",
         [](Flatbuffer& f) { f.set<std::int8_t>(Flatbuffer::field(f.code_, 0, 4), 32); },
         "custom-operator"},
    };
    for (const Case& c : cases) {
        Flatbuffer file;
        c.edit(file);
        EXPECT_EQ(verdict(file.bytes_), c.code) << c.what;
    }
    const Flatbuffer whole;
    for (std::size_t size = 8; size < whole.bytes_.size(); ++size)
        EXPECT_NE(verdict(ByteView(whole.bytes_).first(size)), "accepted") << size;
}

}  // namespace
}  // namespace hf::trust
