#include <map>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/weight_tensors.h"
#include "vault/delta/encode.h"
#include "vault/delta/files.h"

namespace hf::cli {
namespace {

using vault::delta::Header;
using vault::delta::Kind;

vault::delta::Side side_of(ByteView file) {
    return {file, find_weight_tensors(file)};
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

json::Object describe(const Header& header) {
    return {{"version", vault::delta::kVersion},
            {"deltaBytes", header.delta_bytes},
            {"base", {{"digest", header.base.to_string()}, {"bytes", header.base_bytes}}},
            {"result", {{"digest", header.result.to_string()}, {"bytes", header.result_bytes}}},
            {"percentOfResult", percent(header.delta_bytes, header.result_bytes)}};
}

Status run_make(World& world, const Arguments& arguments) {
    const std::string to = arguments.get("output");
    vault::delta::EncodeOptions options;
    const std::int64_t level =
        HF_TRY(arguments.integer("level", vault::delta::kMinLevel, vault::delta::kMaxLevel));
    options.level = static_cast<int>(level);
    for (const std::string model : {"BASE", "NEW"}) {
        if (arguments.get(model) != to) continue;
        return invalid_argument("--output: {} is {}; name another file", to, model);
    }
    const std::unique_ptr<env::MappedFile> base =
        HF_TRY(world.files.map(arguments.get("BASE"), false));
    const std::unique_ptr<env::MappedFile> result =
        HF_TRY(world.files.map(arguments.get("NEW"), false));
    const Bytes delta = encode(side_of(base->bytes()), side_of(result->bytes()), options);
    HF_TRY(world.files.write(to, delta));
    const Header header = HF_TRY(vault::delta::parse_header(delta));
    if (delta.size() >= result->bytes().size()) {
        world.note(fmt::format("{} is no smaller than {}: send the file itself\n", to,
                               arguments.get("NEW")));
    }
    if (arguments.flag("json")) {
        world.out(json::write(describe(header)) + "\n");
        return {};
    }
    world.out(fmt::format("{}: {} bytes, {:.2f} % of {}\n", to, delta.size(),
                          percent(delta.size(), header.result_bytes), arguments.get("NEW")));
    return {};
}

Status run_apply(World& world, const Arguments& arguments) {
    const std::int64_t mib = HF_TRY(arguments.integer("max-mib", 1, std::int64_t{1} << 30));
    const vault::delta::ApplyPaths paths{arguments.get("BASE"), arguments.get("DELTA"),
                                         arguments.get("output")};
    const Header header =
        HF_TRY(apply_file(world.files, paths, {static_cast<std::uint64_t>(mib) << 20}));
    if (arguments.flag("json")) {
        world.out(json::write(describe(header)) + "\n");
        return {};
    }
    world.out(fmt::format("{}: {} bytes, {}\n", paths.result, header.result_bytes,
                          header.result.to_string()));
    return {};
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::kLiteral: return "literal";
        case Kind::kCopy: return "copy";
        case Kind::kDifference: return "difference";
        case Kind::kSparse: return "sparse";
    }
    return "unknown";
}

// What operations of one form make.
struct FormRow {
    std::uint64_t operations = 0;
    std::uint64_t result_bytes = 0;
    std::uint64_t changed = 0;  // elements, of sparse ones
};
using FormRows = std::map<std::string, FormRow>;

Result<FormRows> count_forms(vault::delta::DeltaReader& reader) {
    FormRows rows;
    for (;;) {
        const std::optional<vault::delta::Chunk> chunk = HF_TRY(reader.next());
        if (!chunk) return rows;
        for (const vault::delta::Operation& operation : chunk->operations) {
            const vault::delta::Element& element = operation.element;
            FormRow& row = rows[fmt::format("{} {}{}", kind_name(operation.kind),
                                            element.real ? "f" : "i", 8 * element.width)];
            ++row.operations;
            row.result_bytes += operation.size;
            row.changed += operation.changed;
        }
    }
}

Status run_show(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("DELTA");
    const std::unique_ptr<env::ReadFile> file = HF_TRY(world.files.open_read(path));
    vault::delta::DeltaReader reader =
        HF_TRY(vault::delta::DeltaReader::open(*file).context("{}", path));
    const Header& header = reader.header();
    const FormRows rows = HF_TRY(count_forms(reader).context("{}", path));
    if (arguments.flag("json")) {
        json::Object out = describe(header);
        out["chunks"] = header.chunks;
        json::Array forms;
        for (const auto& [name, row] : rows) {
            forms.push_back({{"form", name},
                             {"operations", row.operations},
                             {"resultBytes", row.result_bytes},
                             {"changedElements", row.changed}});
        }
        out["forms"] = std::move(forms);
        world.out(json::write(out) + "\n");
        return {};
    }
    world.out(fmt::format("delta    version {}, {} bytes, {:.2f} % of the result, {} chunks\n",
                          vault::delta::kVersion, header.delta_bytes,
                          percent(header.delta_bytes, header.result_bytes), header.chunks));
    world.out(fmt::format("base     {} bytes, {}\nresult   {} bytes, {}\n", header.base_bytes,
                          header.base.to_string(), header.result_bytes, header.result.to_string()));
    for (const auto& [name, row] : rows) {
        world.out(fmt::format("form     {:16} {:6.2f} % of the result, {} operations\n", name,
                              percent(row.result_bytes, header.result_bytes), row.operations));
    }
    return {};
}

}  // namespace

Command delta_make_command() {
    return {
        "delta make",
        "Makes a small file that turns one version of a model into the next",
        {{"BASE", "the version that is there: an ONNX, TFLite or safetensors model, or any file"},
         {"NEW", "the version that is wanted"}},
        {{"-o,--output", "where the delta goes", "FILE", "", false, true},
         {"--level", "how hard to compress, 1 to 19", "N", "12"},
         {"--json", "sizes and digests as JSON", ""}},
        {"holdfast delta make pump-1.onnx pump-2.onnx -o pump-1-2.delta",
         "holdfast delta apply pump-1.onnx pump-1-2.delta -o pump-2.onnx"},
        run_make};
}

Command delta_apply_command() {
    return {"delta apply",
            "Makes the new version of a model from the old one and a delta",
            {{"BASE", "the very file that the delta was made from"},
             {"DELTA", "what `holdfast delta make` wrote"}},
            {{"-o,--output", "where the new version goes; written whole or not at all", "NEW", "",
              false, true},
             {"--max-mib", "refuse a delta that would make more than this", "N", "65536"},
             {"--json", "sizes and digests as JSON", ""}},
            {"holdfast delta apply pump-1.onnx pump-1-2.delta -o pump-2.onnx"},
            run_apply};
}

Command delta_show_command() {
    return {"delta show",
            "Shows what a delta needs, makes and holds, and that it is undamaged",
            {{"DELTA", "what `holdfast delta make` wrote"}},
            {{"--json", "as JSON", ""}},
            {"holdfast delta show pump-1-2.delta", "holdfast delta show pump-1-2.delta --json"},
            run_show};
}

}  // namespace hf::cli
