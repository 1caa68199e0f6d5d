#include "cli/tensor_file.h"

#include <algorithm>

#include "base/json.h"
#include "tensor/json.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kRandomSeed = 42;
constexpr std::int64_t kShownElements = 8;

Shape concrete(Shape shape) {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis] == Shape::kUnknown) shape[axis] = 1;
    }
    return shape;
}

Result<Tensor> parse_json_tensor(ByteView bytes, const runtime::Port& port) {
    const json::Value data = HF_TRY(json::parse(as_text(bytes), kMaxTensorFileBytes));
    const bool known = port.shape.is_known() && port.shape.rank() > 0;
    return tensor_from_json(data, port.dtype, known ? port.shape : shape_of_json(data));
}

// The array of the input's name, or the only array.
Result<Tensor> pick_array(ByteView bytes, const std::string& name) {
    std::vector<NamedArray> arrays = HF_TRY(parse_npz(bytes));
    std::string names;
    for (NamedArray& array : arrays) {
        if (array.name == name || arrays.size() == 1) return std::move(array.tensor);
        names += " " + array.name;
    }
    return invalid_argument("no array '{}'; it has:{}", name, names);
}

Result<Tensor> read_tensor(World& world, const std::string& source, const runtime::Port& port) {
    if (source == "zeros") return Tensor(port.dtype, concrete(port.shape));
    if (source == "random") {
        Rng rng(kRandomSeed);
        return random_tensor(port.dtype, concrete(port.shape), rng);
    }
    const Bytes bytes = HF_TRY(world.files.read(source, kMaxTensorFileBytes));
    if (source.ends_with(".npy")) return parse_npy(bytes).context("{}", source);
    if (source.ends_with(".npz")) return pick_array(bytes, port.name).context("{}", source);
    if (source.ends_with(".json")) return parse_json_tensor(bytes, port).context("{}", source);
    return invalid_argument("'{}': want FILE.npy, FILE.npz, FILE.json, random or zeros", source);
}

}  // namespace

Result<std::vector<Tensor>> read_inputs(World& world, const runtime::Signature& signature,
                                        const std::vector<std::string>& given,
                                        const std::string& fallback) {
    std::vector<std::string> sources(signature.inputs.size(), fallback);
    for (const std::string& argument : given) {
        const std::size_t equals = argument.find('=');
        std::size_t index = 0;
        if (equals == std::string::npos && argument.ends_with(".npz")) {
            std::fill(sources.begin(), sources.end(), argument);
            continue;
        }
        if (equals != std::string::npos) {
            while (index < sources.size() &&
                   signature.inputs[index].name != argument.substr(0, equals)) {
                ++index;
            }
        }
        if (index >= sources.size() || (equals == std::string::npos && sources.size() != 1)) {
            std::string names;
            for (const runtime::Port& port : signature.inputs) names += " " + port.name;
            return invalid_argument("--input {}: want NAME=SOURCE with one of these names:{}",
                                    argument, names);
        }
        sources[index] = argument.substr(equals == std::string::npos ? 0 : equals + 1);
    }
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const runtime::Port& port = signature.inputs[i];
        if (sources[i].empty()) {
            return invalid_argument("input '{}' is not given; add --input {}=FILE.npy (or random)",
                                    port.name, port.name);
        }
        inputs.push_back(HF_TRY(read_tensor(world, sources[i], port).context("{}", port.name)));
    }
    return inputs;
}

Result<std::string> preview(const Tensor& tensor) {
    if (tensor.elements() > kShownElements) {
        const std::vector<std::int64_t> extents{kShownElements};
        Tensor head(tensor.dtype(), Shape(extents));
        if (tensor.dtype() == DType::kString) {
            std::copy_n(tensor.strings().begin(), kShownElements, head.mutable_strings().begin());
        } else {
            std::copy_n(tensor.bytes().begin(), head.bytes().size(), head.mutable_bytes().begin());
        }
        return HF_TRY(preview(head)) + " ...";
    }
    return json::write(HF_TRY(tensor_to_json(tensor)));
}

Result<std::string> write_output(World& world, const std::string& folder, const std::string& name,
                                 const Tensor& tensor) {
    std::string file = name;
    for (char& c : file) {
        if (c == '/' || c == ':' || c == '\0') c = '_';
    }
    if (file.starts_with('.')) file[0] = '_';
    const std::string path = folder + "/" + file + ".npy";
    HF_TRY(world.files.write(path, HF_TRY(write_npy(tensor))));
    return path;
}

}  // namespace hf::cli
