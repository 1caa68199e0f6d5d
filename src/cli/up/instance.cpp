#include "cli/up/instance.h"

#include "cli/up/full_door.h"
#include "node/local_control_plane.h"

namespace hf::cli {

Result<std::unique_ptr<Instance>> Instance::start(World& world, InstanceOptions options) {
    auto instance = std::make_unique<Instance>();
    instance->data_ = options.data;
    HF_TRY(world.files.create_directories(options.data));
    instance->vault_ = HF_TRY(vault::Vault::open(world.files, options.data + "/vault"));
    ControlOptions control_options;
    control_options.data = options.data;
    control_options.api = options.api;
    instance->control_ =
        HF_TRY(ControlHost::start(world, *instance->vault_, std::move(control_options)));
    ControlHost* const control = instance->control_.get();
    instance->control_plane_ = node::make_local_control_plane(
        control->resources(), options.node_name,
        [control](const std::string& node) { control->heard(node); });
    HF_TRY(instance->control_plane_->enlist());
    control->heard(options.node_name);
    NodeOptions node;
    node.data = options.data;
    node.name = options.node_name;
    node.inference = options.inference;
    node.door_extras = &full_door();
    node.observer = options.observer;
    node.sleep_after = options.sleep_after;
    instance->node_ = HF_TRY(NodeHost::start(
        world, {*instance->vault_, *instance->control_plane_, nullptr}, std::move(node)));
    return instance;
}

bool Instance::drain(Duration grace) {
    const bool answered = node_->drain(grace);
    control_->drain(Duration::zero());
    return answered;
}

}  // namespace hf::cli
