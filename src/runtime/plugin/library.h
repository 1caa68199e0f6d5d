// A vendor's shared library, loaded and checked: the version it speaks, the size of its table,
// every pointer in it, its name; then its device is opened. Whatever is wrong becomes one Status
// that names the file.
//
// Ownership: the device is closed with the last user of the Plugin. The library itself stays loaded
// until the process ends, since the runtimes that vendors bring cannot all be unloaded.
// Thread-safety: immutable; the functions of the table as device_abi.h says.

#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "runtime/plugin/device_abi.h"

namespace hf::runtime {

class Plugin final {
public:
    // NOT_FOUND when the file cannot be loaded, FAILED_PRECONDITION when it is no plug-in of this
    // version or its table is broken; else what its open() answered.
    static Result<std::shared_ptr<const Plugin>> open(const std::string& file);

    // REQUIRES: `api` is what a library exports, or null; its tables and code stay loaded.
    static Result<std::shared_ptr<const Plugin>> create(const hf_device_api* api,
                                                        const std::string& file);

    ~Plugin();
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;

    const hf_device_api& api() const { return api_; }
    hf_device* device() const { return device_; }
    const std::string& name() const { return name_; }

    // What a function of the plug-in answered: OK, or its code and text. `what` is the function.
    static Status to_status(int code, const hf_device_message& why, std::string_view what);

    // Only create() has a key.
    class Key {
        friend class Plugin;
        Key() = default;
    };
    Plugin(Key, const hf_device_api& api) : api_(api), name_(api.name) {}

private:
    hf_device_api api_;
    std::string name_;
    hf_device* device_ = nullptr;
};

// Every message begins empty, so that a plug-in that writes none is seen to.
hf_device_message empty_message();

}  // namespace hf::runtime
