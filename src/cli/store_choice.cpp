#include "cli/store_choice.h"

#include "store/etcd.h"
#include "store/sqlite.h"

namespace hf::cli {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";
constexpr std::uint64_t kMaxPemFileBytes = 1u << 20;

Result<std::string> read_pem(World& world, const std::string& path) {
    if (path.empty()) return std::string();
    const Bytes bytes = HF_TRY(world.files.read(path, kMaxPemFileBytes));
    if (bytes.empty()) return invalid_argument("{} is empty; want PEM", path);
    return std::string(as_text(bytes));
}

Result<std::unique_ptr<store::Store>> open_etcd(World& world, const StoreChoice& choice) {
    store::EtcdOptions options;
    options.address = HF_TRY(store::parse_etcd_address(choice.url));
    options.ca_pem = HF_TRY(read_pem(world, choice.ca_file).context("--store-ca"));
    options.certificate_pem =
        HF_TRY(read_pem(world, choice.certificate_file).context("--store-cert"));
    options.key_pem = HF_TRY(read_pem(world, choice.key_file).context("--store-key"));
    return store::open_etcd_store(std::move(options), world.clock);
}

}  // namespace

bool StoreChoice::is_etcd() const {
    return url.starts_with(store::kEtcdScheme);
}

std::vector<Option> store_tls_options() {
    return {
        {"--store-ca", "the authority of etcd's certificates; needed beyond this machine", "FILE"},
        {"--store-cert", "the certificate that etcd knows this program by", "FILE"},
        {"--store-key", "its key", "FILE"}};
}

StoreChoice store_choice(std::string url, const Arguments& arguments) {
    return {std::move(url), arguments.get("store-ca"), arguments.get("store-cert"),
            arguments.get("store-key")};
}

Result<std::unique_ptr<store::Store>> open_store(World& world, const StoreChoice& choice) {
    if (choice.is_etcd()) return open_etcd(world, choice).context("{}", choice.url);
    if (!choice.url.starts_with(kSqliteScheme) || choice.url.size() == kSqliteScheme.size()) {
        return invalid_argument(
            "'{}' names no store; want sqlite:PATH or etcd://HOST:PORT[,HOST:PORT...][/PREFIX]",
            choice.url);
    }
    const bool certificates =
        !choice.ca_file.empty() || !choice.certificate_file.empty() || !choice.key_file.empty();
    if (certificates) {
        return invalid_argument("--store-ca, --store-cert and --store-key are for etcd:// only");
    }
    return store::open_sqlite_store(choice.url.substr(kSqliteScheme.size()), world.clock);
}

}  // namespace hf::cli
