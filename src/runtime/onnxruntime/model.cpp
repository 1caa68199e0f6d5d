#include "runtime/onnxruntime/model.h"

#include <cstring>

#include "graph/onnx/export.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::runtime::onnxruntime {
namespace {

constexpr int kOptimizeAll = 99;
constexpr int kDeviceAllocator = 0, kDefaultMemory = 0;

class OrtModelSession final : public Session {
public:
    explicit OrtModelSession(std::shared_ptr<const OrtModel> model) : model_(std::move(model)) {}
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        return model_->run(inputs);
    }

private:
    std::shared_ptr<const OrtModel> model_;
};

Result<Owned<OrtSession>> load(const Library& library, const Bytes& bytes) {
    const Api& api = library.api();
    OrtSessionOptions* made = nullptr;
    HF_TRY(library.to_status(api.create_session_options(&made), "options"));
    const Owned<OrtSessionOptions> options(made, api.release_session_options);
    HF_TRY(library.to_status(api.set_graph_optimization_level(made, kOptimizeAll), "options"));
    HF_TRY(library.to_status(api.set_intra_op_threads(made, 1), "options"));
    HF_TRY(library.to_status(api.set_inter_op_threads(made, 1), "options"));
    OrtSession* session = nullptr;
    const Status status = library.to_status(
        api.create_session_from_array(library.env(), bytes.data(), bytes.size(), made, &session),
        "loading");
    // The graph is sound: what it does not load is not for it.
    if (!status.ok()) return unimplemented("{}", status.message());
    return Owned<OrtSession>(session, api.release_session);
}

// What goes in and out of a session here.
Status check_ends(const graph::Graph& graph) {
    for (const auto* ids : {&graph.inputs, &graph.outputs}) {
        for (graph::ValueId id : *ids) {
            const graph::Value& value = graph.value(id);
            if (value.kind != graph::ValueKind::kTensor) {
                return unimplemented("'{}' is a sequence, map or optional", value.name);
            }
            if (!value.dtype || !value.shape) {
                return unimplemented("the type of '{}' is not known", value.name);
            }
            if (dtype_size(*value.dtype) == 0) {
                return unimplemented("'{}' holds strings", value.name);
            }
        }
    }
    return {};
}

// Whether a tensor of this shape may be where `known` was expected.
bool fits(const Shape& known, const Shape& given) {
    if (known.rank() != given.rank()) return false;
    for (std::size_t axis = 0; axis < known.rank(); ++axis) {
        if (known[axis] != Shape::kUnknown && known[axis] != given[axis]) return false;
    }
    return true;
}

}  // namespace

Result<std::shared_ptr<const OrtModel>> OrtModel::create(std::shared_ptr<const Library> library,
                                                         const graph::Graph& graph) {
    HF_TRY(check_ends(graph));
    const Result<Bytes> bytes = graph::onnx::export_model(graph);
    if (!bytes.ok()) return unimplemented("{}", bytes.status().message());
    Owned<OrtSession> session = HF_TRY(load(*library, *bytes));
    OrtMemoryInfo* memory = nullptr;
    HF_TRY(library->to_status(
        library->api().create_cpu_memory_info(kDeviceAllocator, kDefaultMemory, &memory),
        "memory"));
    Owned<OrtMemoryInfo> owned(memory, library->api().release_memory_info);
    const auto model =
        std::make_shared<OrtModel>(Key(), std::move(library), std::move(session), std::move(owned));
    model->set_ports(graph);
    return model;
}

void OrtModel::set_ports(const graph::Graph& graph) {
    for (graph::ValueId id : graph.inputs) {
        const graph::Value& value = graph.value(id);
        signature_.inputs.push_back({value.name, *value.dtype, *value.shape});
    }
    for (graph::ValueId id : graph.outputs) {
        const graph::Value& value = graph.value(id);
        signature_.outputs.push_back({value.name, *value.dtype, *value.shape});
    }
}

Result<std::unique_ptr<Session>> OrtModel::new_session() const {
    return std::make_unique<OrtModelSession>(shared_from_this());
}

// Borrows the tensor, which the library only reads.
Result<Owned<OrtValue>> OrtModel::wrap(const Tensor& tensor) const {
    OrtValue* value = nullptr;
    const int type = static_cast<int>(graph::onnx::element_type_of(tensor.dtype()));
    const std::vector<std::int64_t>& extents = tensor.shape().extents();
    HF_TRY(library_->to_status(
        library_->api().create_tensor_with_data(
            memory_.get(), const_cast<std::uint8_t*>(tensor.bytes().data()), tensor.bytes().size(),
            extents.data(), extents.size(), type, &value),
        "input"));
    return Owned<OrtValue>(value, library_->api().release_value);
}

Result<Tensor> OrtModel::copy_out(OrtValue* value, std::size_t index) const {
    const Api& api = library_->api();
    const Port& port = signature_.outputs[index];
    OrtTensorTypeAndShapeInfo* made = nullptr;
    HF_TRY(library_->to_status(api.get_type_and_shape(value, &made), port.name));
    const Owned<OrtTensorTypeAndShapeInfo> info(made, api.release_type_and_shape);
    int type = 0;
    std::size_t rank = 0;
    HF_TRY(library_->to_status(api.get_element_type(made, &type), port.name));
    HF_TRY(library_->to_status(api.get_rank(made, &rank), port.name));
    std::vector<std::int64_t> extents(rank);
    HF_TRY(library_->to_status(api.get_extents(made, extents.data(), rank), port.name));
    const Shape shape(std::move(extents));
    HF_TRY(shape.check().context("output '{}'", port.name));
    const DType dtype = HF_TRY(graph::onnx::dtype_of(type).context("output '{}'", port.name));
    if (dtype != port.dtype || !fits(port.shape, shape)) {
        return internal_error("ONNX Runtime gave {}[{}] for '{}', which is {}[{}]",
                              dtype_name(dtype), shape.to_string(), port.name,
                              dtype_name(port.dtype), port.shape.to_string());
    }
    void* data = nullptr;
    HF_TRY(library_->to_status(api.get_tensor_data(value, &data), port.name));
    Tensor tensor(dtype, shape);
    const std::span<std::uint8_t> bytes = tensor.mutable_bytes();
    if (!bytes.empty()) std::memcpy(bytes.data(), data, bytes.size());
    return tensor;
}

Result<std::vector<Tensor>> OrtModel::run(std::span<const Tensor> inputs) const {
    HF_TRY(check_inputs(signature_, inputs));
    const Api& api = library_->api();
    std::vector<Owned<OrtValue>> wrapped, results;
    std::vector<const OrtValue*> given;
    std::vector<OrtValue*> made(signature_.outputs.size(), nullptr);
    std::vector<const char*> input_names, output_names;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        wrapped.push_back(HF_TRY(wrap(inputs[i])));
        given.push_back(wrapped.back().get());
        input_names.push_back(signature_.inputs[i].name.c_str());
    }
    for (const Port& port : signature_.outputs) output_names.push_back(port.name.c_str());
    OrtStatus* status = api.run(session_.get(), nullptr, input_names.data(), given.data(),
                                given.size(), output_names.data(), made.size(), made.data());
    for (OrtValue* value : made) results.emplace_back(value, api.release_value);
    HF_TRY(library_->to_status(status, "run"));
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < made.size(); ++i) outputs.push_back(HF_TRY(copy_out(made[i], i)));
    return outputs;
}

}  // namespace hf::runtime::onnxruntime
