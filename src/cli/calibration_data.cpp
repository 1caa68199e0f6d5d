#include "cli/calibration_data.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "cli/tensor_file.h"
#include "runtime/model.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

namespace hf::cli {
namespace {

using runtime::Port;
using runtime::Samples;

Result<std::vector<Port>> ports_of(const graph::Graph& graph) {
    std::vector<Port> ports;
    for (const graph::ValueId id : graph.inputs) {
        const graph::Value& value = graph.value(id);
        if (!value.shape || !value.dtype || *value.dtype == DType::kString) {
            return invalid_argument("input '{}' has no known shape and type of numbers",
                                    value.name);
        }
        Shape shape = *value.shape;
        for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            if (shape[axis] == Shape::kUnknown) shape[axis] = 1;
        }
        HF_TRY(shape.check().context("input '{}'", value.name));
        ports.push_back({value.name, *value.dtype, std::move(shape)});
    }
    if (ports.empty()) return invalid_argument("the model has no inputs");
    return ports;
}

std::vector<std::int64_t> without_ones(const std::vector<std::int64_t>& extents) {
    std::vector<std::int64_t> rest;
    std::copy_if(extents.begin(), extents.end(), std::back_inserter(rest),
                 [](std::int64_t extent) { return extent != 1; });
    return rest;
}

// Whether samples of `extents` and `dtype` are what the input takes.
Status check_fit(const Port& port, DType dtype, const std::vector<std::int64_t>& extents) {
    if (dtype != port.dtype) {
        return invalid_argument("samples are {} and input '{}' takes {}", dtype_name(dtype),
                                port.name, dtype_name(port.dtype));
    }
    if (without_ones(extents) == without_ones(port.shape.extents())) return {};
    return invalid_argument("samples are {} and input '{}' takes {}", Shape(extents).to_string(),
                            port.name, port.shape.to_string());
}

Status check_finite(const Tensor& tensor, const std::string& name) {
    if (tensor.dtype() != DType::kF32) return {};
    const auto values = tensor.values<float>();
    const auto bad = std::find_if_not(values.begin(), values.end(),
                                      [](float value) { return std::isfinite(value); });
    if (bad == values.end()) return {};
    return invalid_argument("input '{}': element {} is {}", name, bad - values.begin(), *bad);
}

// Samples that lie one behind the other in one array an input.
Result<Samples> stacked(std::vector<Port> ports, std::vector<Tensor> arrays,
                        std::size_t samples_max) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const Shape& shape = arrays[i].shape();
        if (shape.rank() < 1)
            return invalid_argument("'{}': one number, no samples", ports[i].name);
        HF_TRY(check_fit(ports[i], arrays[i].dtype(), {shape.begin() + 1, shape.end()}));
        if (shape[0] != arrays[0].shape()[0]) {
            return invalid_argument("{} samples of '{}' and {} of '{}'", arrays[0].shape()[0],
                                    ports[0].name, shape[0], ports[i].name);
        }
    }
    Samples samples;
    samples.count = std::min(samples_max, static_cast<std::size_t>(arrays[0].shape()[0]));
    samples.read = [ports = std::move(ports),
                    arrays = std::move(arrays)](std::size_t index) -> Result<std::vector<Tensor>> {
        std::vector<Tensor> sample;
        for (std::size_t i = 0; i < ports.size(); ++i) {
            Tensor tensor(ports[i].dtype, ports[i].shape);
            const std::size_t size = tensor.bytes().size();
            const ByteView bytes = arrays[i].bytes().subspan(index * size, size);
            std::copy(bytes.begin(), bytes.end(), tensor.mutable_bytes().begin());
            HF_TRY(check_finite(tensor, ports[i].name));
            sample.push_back(std::move(tensor));
        }
        return sample;
    };
    return samples;
}

Result<Samples> random_samples(std::vector<Port> ports, const CalibrationSource& source) {
    Samples samples;
    samples.count = source.samples_max;
    samples.read = [ports = std::move(ports),
                    seed = source.seed](std::size_t index) -> Result<std::vector<Tensor>> {
        constexpr std::uint64_t kStride = 0x9E3779B97F4A7C15;
        Rng rng(seed + kStride * (index + 1));
        std::vector<Tensor> sample;
        for (const Port& port : ports) {
            sample.push_back(random_tensor(port.dtype, port.shape, rng));
        }
        return sample;
    };
    return samples;
}

Result<Samples> folder_samples(World& world, std::vector<Port> ports,
                               const CalibrationSource& source) {
    std::vector<std::string> names;
    for (const env::DirectoryEntry& entry : HF_TRY(world.files.list(source.path))) {
        if (entry.name.ends_with(".npy")) names.push_back(entry.name);
    }
    if (ports.size() != 1) {
        return invalid_argument("the model has {} inputs: give FILE.npz with an array for each",
                                ports.size());
    }
    Samples samples;
    samples.count = std::min(source.samples_max, names.size());
    samples.read = [&world, folder = source.path, port = ports[0],
                    names = std::move(names)](std::size_t index) -> Result<std::vector<Tensor>> {
        const std::string path = folder + "/" + names[index];
        const Bytes bytes = HF_TRY(world.files.read(path, kMaxTensorFileBytes));
        const Tensor tensor = HF_TRY(parse_npy(bytes).context("{}", path));
        HF_TRY(check_fit(port, tensor.dtype(), tensor.shape().extents()).context("{}", path));
        HF_TRY(check_finite(tensor, port.name).context("{}", path));
        return std::vector<Tensor>{tensor.reshaped(port.shape)};
    };
    return samples;
}

Result<std::vector<Tensor>> arrays_of(ByteView bytes, const std::vector<Port>& ports) {
    const std::vector<NamedArray> arrays = HF_TRY(parse_npz(bytes));
    std::vector<Tensor> chosen;
    for (const Port& port : ports) {
        std::string names;
        for (const NamedArray& array : arrays) {
            names += " " + array.name;
            const bool only = arrays.size() == 1 && ports.size() == 1;
            if (chosen.size() <= std::size_t(&port - ports.data()) &&
                (only || array.name == port.name)) {
                chosen.push_back(array.tensor);
            }
        }
        if (chosen.size() <= std::size_t(&port - ports.data())) {
            return invalid_argument("no array '{}'; it has:{}", port.name, names);
        }
    }
    return chosen;
}

Result<Samples> file_samples(World& world, std::vector<Port> ports,
                             const CalibrationSource& source) {
    const bool archive = source.path.ends_with(".npz");
    if (!archive && !source.path.ends_with(".npy")) {
        return invalid_argument("want FILE.npy, FILE.npz, a folder of .npy files, or random");
    }
    const Bytes bytes = HF_TRY(world.files.read(source.path, kMaxTensorFileBytes));
    std::vector<Tensor> arrays;
    if (archive) {
        arrays = HF_TRY(arrays_of(bytes, ports));
    } else if (ports.size() == 1) {
        arrays.push_back(HF_TRY(parse_npy(bytes)));
    } else {
        return invalid_argument("the model has {} inputs: give FILE.npz with an array for each",
                                ports.size());
    }
    return stacked(std::move(ports), std::move(arrays), source.samples_max);
}

}  // namespace

Result<Samples> open_calibration(World& world, const graph::Graph& graph,
                                 const CalibrationSource& source) {
    std::vector<Port> ports = HF_TRY(ports_of(graph));
    if (source.path == "random") return random_samples(std::move(ports), source);
    const env::FileInfo info = HF_TRY(world.files.info(source.path));
    const bool folder = info.kind == env::FileKind::kDirectory;
    const Samples samples = HF_TRY((folder ? folder_samples(world, std::move(ports), source)
                                           : file_samples(world, std::move(ports), source))
                                       .context("{}", source.path));
    if (samples.count == 0) return invalid_argument("{}: there are no samples in it", source.path);
    return samples;
}

}  // namespace hf::cli
