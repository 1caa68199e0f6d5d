#include "runtime/plugin/backend.h"

#include "runtime/plugin/describe.h"

namespace hf::runtime {
namespace {

// A program of the plug-in. Keeps the part's graph, where the constants lie that it may use.
class PluginModel final : public CompiledModel, public std::enable_shared_from_this<PluginModel> {
public:
    PluginModel(std::shared_ptr<const Plugin> plugin, graph::Graph part)
        : plugin_(std::move(plugin)), part_(std::move(part)) {}
    PluginModel(const PluginModel&) = delete;
    PluginModel& operator=(const PluginModel&) = delete;
    ~PluginModel() override {
        if (program_) plugin_->api().release_program(program_);
    }

    Status build() {
        hf_device_message why = empty_message();
        const Description description(part_);
        const int code =
            plugin_->api().compile(plugin_->device(), &description.graph(), &program_, &why);
        HF_TRY(Plugin::to_status(code, why, "compile"));
        if (!program_) return internal_error("compile gave no program");
        for (graph::ValueId id : part_.inputs) signature_.inputs.push_back(port_of(id));
        for (std::size_t i = 0; i < part_.outputs.size(); ++i) HF_TRY(check_output(i));
        return {};
    }

    const Signature& signature() const override { return signature_; }
    std::string_view device() const override { return plugin_->name(); }
    Result<std::unique_ptr<Session>> new_session() const override;

    const Plugin& plugin() const { return *plugin_; }

private:
    Port port_of(graph::ValueId id) const {
        const graph::Value& value = part_.value(id);
        return {value.name, *value.dtype, *value.shape};
    }

    // A run writes into a buffer of the type that we computed.
    Status check_output(std::size_t index) {
        const Port port = port_of(part_.outputs[index]);
        hf_device_message why = empty_message();
        hf_device_type given{};
        const int code = plugin_->api().output_type(program_, index, &given, &why);
        HF_TRY(Plugin::to_status(code, why, "output_type"));
        const std::string want = type_text(describe_type(port.dtype, port.shape));
        if (type_text(given) != want) {
            return internal_error("it would write {} to output '{}', which is {}", type_text(given),
                                  port.name, want);
        }
        signature_.outputs.push_back(port);
        return {};
    }

    std::shared_ptr<const Plugin> plugin_;
    graph::Graph part_;
    Signature signature_;
    hf_device_program* program_ = nullptr;
};

class PluginSession final : public Session {
public:
    PluginSession(std::shared_ptr<const PluginModel> model, hf_device_session* session)
        : model_(std::move(model)), session_(session) {}
    PluginSession(const PluginSession&) = delete;
    PluginSession& operator=(const PluginSession&) = delete;
    ~PluginSession() override { model_->plugin().api().release_session(session_); }

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        HF_TRY(check_inputs(model_->signature(), inputs));
        std::vector<Tensor> outputs;
        std::vector<hf_device_input> read;
        std::vector<hf_device_output> written;
        for (const Tensor& input : inputs) {
            read.push_back({input.bytes().data(), input.bytes().size()});
        }
        for (const Port& port : model_->signature().outputs) {
            outputs.emplace_back(port.dtype, port.shape);
            const std::span<std::uint8_t> bytes = outputs.back().mutable_bytes();
            written.push_back({bytes.data(), bytes.size()});
        }
        const hf_device_buffers buffers{read.size(), read.data(), written.size(), written.data()};
        hf_device_message why = empty_message();
        const int code = model_->plugin().api().run(session_, &buffers, &why);
        const Status status = Plugin::to_status(code, why, "run");
        HF_TRY(status.context("device plug-in {}", model_->plugin().name()));
        return outputs;
    }

private:
    std::shared_ptr<const PluginModel> model_;
    hf_device_session* session_;
};

Result<std::unique_ptr<Session>> PluginModel::new_session() const {
    hf_device_message why = empty_message();
    hf_device_session* session = nullptr;
    const int code = plugin_->api().new_session(program_, &session, &why);
    Status status = Plugin::to_status(code, why, "new_session");
    if (status.ok() && !session) status = internal_error("new_session gave no session");
    HF_TRY(status.context("device plug-in {}", plugin_->name()));
    return std::make_unique<PluginSession>(shared_from_this(), session);
}

}  // namespace

Result<Refusals> PluginBackend::refusals(const graph::Graph& graph) const {
    const Description description(graph);
    Refusals refusals(graph.nodes.size());
    for (std::size_t i = 0; i < refusals.size(); ++i) {
        if (!can_be_offered(graph, graph.nodes[i], *this).ok()) continue;
        hf_device_message why = empty_message();
        const int code = plugin_->api().supports(plugin_->device(), &description.graph(), i, &why);
        const Status status = Plugin::to_status(code, why, "supports");
        if (status.ok()) continue;
        if (code != HF_DEVICE_UNSUPPORTED) return status.context("{}", graph.nodes[i].describe());
        refusals[i] = std::string(status.message());
    }
    return refusals;
}

Result<std::shared_ptr<const CompiledModel>> PluginBackend::compile(graph::Graph part) const {
    const auto model = std::make_shared<PluginModel>(plugin_, std::move(part));
    HF_TRY(model->build());
    return model;
}

Result<std::shared_ptr<const Backend>> open_plugin(const std::string& file) {
    return std::make_shared<const PluginBackend>(HF_TRY(Plugin::open(file)));
}

}  // namespace hf::runtime
