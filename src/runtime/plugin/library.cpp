#include "runtime/plugin/library.h"

#include <algorithm>
#include <cstring>

#include <dlfcn.h>

namespace hf::runtime {
namespace {

// Foreign text, cut at its end or the buffer's, on one line and in printable ASCII or UTF-8 bytes.
std::string clean(const hf_device_message& why) {
    const char* end = std::find(std::begin(why.text), std::end(why.text), '\0');
    std::string text(why.text, end);
    for (char& each : text) {
        if (static_cast<unsigned char>(each) < 0x20 || each == 0x7f) each = ' ';
    }
    return text;
}

Status check_name(const char* name) {
    if (!name) return failed_precondition("its name is NULL");
    const std::size_t length = strnlen(name, HF_DEVICE_NAME_BYTES);
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    if (length == 0 || length == HF_DEVICE_NAME_BYTES ||
        !std::all_of(name, name + length, is_allowed)) {
        return failed_precondition("its name is not 1 to {} characters of a-z, 0-9, '-' and '_'",
                                   HF_DEVICE_NAME_BYTES - 1);
    }
    return {};
}

Status check_api(const hf_device_api& api) {
    if (api.struct_bytes < sizeof(hf_device_api)) {
        return failed_precondition("its table has {} bytes; version {} has {}", api.struct_bytes,
                                   HF_DEVICE_ABI_VERSION, sizeof(hf_device_api));
    }
    if (api.abi_version != HF_DEVICE_ABI_VERSION) {
        return failed_precondition("it speaks version {} of the device ABI, Holdfast version {}",
                                   api.abi_version, HF_DEVICE_ABI_VERSION);
    }
    const std::pair<const char*, bool> functions[] = {
        {"open", api.open},
        {"close", api.close},
        {"supports", api.supports},
        {"compile", api.compile},
        {"release_program", api.release_program},
        {"output_type", api.output_type},
        {"new_session", api.new_session},
        {"release_session", api.release_session},
        {"run", api.run},
    };
    for (const auto& [name, is_there] : functions) {
        if (!is_there) return failed_precondition("its function '{}' is NULL", name);
    }
    HF_TRY(check_name(api.name));
    if (!api.version) return failed_precondition("its version is NULL");
    return {};
}

}  // namespace

hf_device_message empty_message() {
    return {};
}

Status Plugin::to_status(int code, const hf_device_message& why, std::string_view what) {
    if (code == HF_DEVICE_OK) return {};
    std::string text = clean(why);
    if (text.empty()) text = "no reason given";
    switch (code) {
        case HF_DEVICE_UNSUPPORTED: return unimplemented("{}", text);
        case HF_DEVICE_INVALID: return internal_error("{} refused the call: {}", what, text);
        case HF_DEVICE_NO_MEMORY: return resource_exhausted("{}: {}", what, text);
        case HF_DEVICE_UNAVAILABLE: return unavailable("{}: {}", what, text);
        case HF_DEVICE_FAILED: return internal_error("{} failed: {}", what, text);
        default: return internal_error("{} answered {}, which is no code: {}", what, code, text);
    }
}

Result<std::shared_ptr<const Plugin>> Plugin::open(const std::string& file) {
    void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) return not_found("device plug-in {} cannot be loaded: {}", file, dlerror());
    void* symbol = dlsym(handle, HF_DEVICE_ENTRY);
    if (!symbol) {
        dlclose(handle);
        return failed_precondition("{} is no device plug-in: it has no {}", file, HF_DEVICE_ENTRY);
    }
    const auto get_api = reinterpret_cast<hf_device_get_api_function>(symbol);
    return create(get_api(HF_DEVICE_ABI_VERSION), file);
}

Result<std::shared_ptr<const Plugin>> Plugin::create(const hf_device_api* api,
                                                     const std::string& file) {
    if (!api) {
        return failed_precondition("device plug-in {} has no version {} of the device ABI", file,
                                   HF_DEVICE_ABI_VERSION);
    }
    HF_TRY(check_api(*api).context("device plug-in {}", file));
    const auto plugin = std::make_shared<Plugin>(Key(), *api);
    hf_device_message why = empty_message();
    const int code = api->open(&plugin->device_, &why);
    HF_TRY(to_status(code, why, "open").context("device plug-in {} ({})", plugin->name_, file));
    if (!plugin->device_) {
        return failed_precondition("device plug-in {} ({}): open gave no device", plugin->name_,
                                   file);
    }
    return plugin;
}

Plugin::~Plugin() {
    if (device_) api_.close(device_);
}

}  // namespace hf::runtime
