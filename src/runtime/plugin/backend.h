// A device plug-in as a back end: graphs are described to it, parts compiled by it, and every
// answer is checked before it is believed: codes, handles, the types of outputs.
//
// What the plug-in does inside its functions cannot be checked: it is trusted code in this process.

#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "runtime/plugin/library.h"
#include "runtime/split/backend.h"

namespace hf::runtime {

class PluginBackend final : public Backend {
public:
    explicit PluginBackend(std::shared_ptr<const Plugin> plugin) : plugin_(std::move(plugin)) {}

    std::string_view name() const override { return plugin_->name(); }
    bool needs_known_types() const override { return true; }
    Result<Refusals> refusals(const graph::Graph& graph) const override;
    Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph part) const override;

private:
    std::shared_ptr<const Plugin> plugin_;
};

// Opens the file as Plugin::open does.
Result<std::shared_ptr<const Backend>> open_plugin(const std::string& file);

}  // namespace hf::runtime
