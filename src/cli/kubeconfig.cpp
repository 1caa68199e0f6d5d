#include "cli/kubeconfig.h"

#include "api/yaml.h"
#include "base/text.h"
#include "cli/data_folder.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1u << 20;

class Reader {
public:
    Reader(World& world, const std::string& path)
        : world_(world), folder_(path.substr(0, path.rfind('/') + 1)) {}

    Result<Kubeconfig> read(const json::Value& root) {
        const std::string_view current = json::get_string(root, "current-context");
        if (current.empty()) return invalid_argument("current-context is missing");
        const json::Value context = HF_TRY(named(root, "context", current));
        const json::Value cluster =
            HF_TRY(named(root, "cluster", json::get_string(context, "cluster")));
        Kubeconfig config;
        config.server = json::get_string(cluster, "server");
        if (config.server.empty()) return invalid_argument("the cluster has no server");
        while (config.server.ends_with('/')) config.server.pop_back();
        if (json::get_bool(cluster, "insecure-skip-tls-verify")) {
            return invalid_argument(
                "insecure-skip-tls-verify is set, and certificates are always checked; name the "
                "authority in certificate-authority-data");
        }
        config.ca_pem = HF_TRY(data_or_file(cluster, "certificate-authority"));
        if (const std::string_view ns = json::get_string(context, "namespace"); !ns.empty()) {
            config.default_namespace = ns;
        }
        const std::string_view user_name = json::get_string(context, "user");
        if (user_name.empty()) return config;
        const json::Value user = HF_TRY(named(root, "user", user_name));
        config.token = json::get_string(user, "token");
        if (const std::string_view file = json::get_string(user, "tokenFile"); !file.empty()) {
            config.token = trim(HF_TRY(file_text(file)));
        }
        config.certificate_pem = HF_TRY(data_or_file(user, "client-certificate"));
        config.key_pem = HF_TRY(data_or_file(user, "client-key"));
        return config;
    }

private:
    // The member `what` of the entry called `name` in the list `what`s.
    static Result<json::Value> named(const json::Value& root, const std::string& what,
                                     std::string_view name) {
        const json::Array* list = json::find_array(root, what + "s");
        for (const json::Value& entry : list ? *list : json::Array()) {
            if (json::get_string(entry, "name") != name) continue;
            const json::Value* found = json::find(entry, what);
            return found ? *found : json::Value(json::Object());
        }
        return invalid_argument("there is no {} '{}'", what, name);
    }

    Result<std::string> file_text(std::string_view file) {
        const std::string path =
            file.starts_with('/') ? std::string(file) : folder_ + std::string(file);
        return std::string(as_text(HF_TRY(world_.files.read(path, kMaxFileBytes))));
    }

    Result<std::string> data_or_file(const json::Value& from, const std::string& key) {
        const std::string_view data = json::get_string(from, key + "-data");
        if (!data.empty()) {
            return std::string(as_text(HF_TRY(from_base64(data).context("{}-data", key))));
        }
        const std::string_view file = json::get_string(from, key);
        if (file.empty()) return std::string();
        return file_text(file);
    }

    World& world_;
    const std::string folder_;
};

}  // namespace

Result<std::string> kubeconfig_path(World& world, const Arguments& arguments) {
    if (arguments.has("kubeconfig")) return arguments.get("kubeconfig");
    const auto variable = [&](const char* name) { return world.environment(name).value_or(""); };
    if (const std::string own = variable("HOLDFAST_CONFIG"); !own.empty()) return own;
    const bool has_folder = !variable("HOLDFAST_DATA").empty();
    const std::string several = has_folder ? "" : variable("KUBECONFIG");
    for (std::string_view path : split(several, ':')) {
        if (!path.empty() && world.files.exists(path)) return std::string(path);
    }
    return HF_TRY(data_folder(world, arguments)) + "/kubeconfig";
}

Result<Kubeconfig> read_kubeconfig(World& world, const std::string& path) {
    const Result<Bytes> bytes = world.files.read(path, kMaxFileBytes);
    if (bytes.status().code() == Code::kNotFound) {
        return not_found(
            "no kubeconfig at {}; `holdfast up` writes one, or name one with --kubeconfig", path);
    }
    HF_TRY(bytes.status());
    const json::Value root = HF_TRY(api::parse_yaml(as_text(*bytes)).context("{}", path));
    return Reader(world, path).read(root).context("{}", path);
}

}  // namespace hf::cli
