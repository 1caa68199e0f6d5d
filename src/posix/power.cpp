#include "posix/power.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "posix/files.h"

namespace hf::posix {
namespace {

constexpr std::uint64_t kMaxCounterBytes = 64u << 10;  // such files say that they have a page
constexpr std::string_view kPackage = "intel-rapl:";

Result<std::uint64_t> read_counter(const std::string& path) {
    RealFiles files;
    const Bytes bytes = HF_TRY(files.read(path, kMaxCounterBytes));
    std::string_view text = as_text(bytes);
    while (text.ends_with('\n')) text.remove_suffix(1);
    const std::int64_t value = HF_TRY(parse_int(text).context("{}", path));
    if (value < 0) return data_loss("{}: {} is no energy", path, value);
    return static_cast<std::uint64_t>(value);
}

class Rapl final : public env::PowerMeter {
public:
    struct Package {
        std::string counter;
        std::uint64_t range = 0;  // the counter's largest value; 0: unknown
        std::uint64_t last = 0;
    };

    explicit Rapl(std::vector<Package> packages) : packages_(std::move(packages)) {}

    std::string name() const override { return "rapl"; }

    Result<std::uint64_t> used_microjoules() override {
        for (Package& package : packages_) {
            const std::uint64_t now = HF_TRY(read_counter(package.counter));
            if (now >= package.last) {
                used_ += now - package.last;
            } else {
                used_ += now + (package.range > package.last ? package.range - package.last : 0);
            }
            package.last = now;
        }
        return used_;
    }

private:
    std::vector<Package> packages_;
    std::uint64_t used_ = 0;
};

bool is_package(const std::string& name) {
    return name.starts_with(kPackage) &&
           std::count(name.begin(), name.end(), ':') == 1;  // intel-rapl:0:0 is a part of it
}

}  // namespace

Result<std::unique_ptr<env::PowerMeter>> open_power_meter(const std::string& folder) {
    RealFiles files;
    std::vector<Rapl::Package> packages;
    for (const env::DirectoryEntry& entry : HF_TRY(files.list(folder))) {
        if (!is_package(entry.name)) continue;
        const std::string path = folder + "/" + entry.name;
        Rapl::Package package;
        package.counter = path + "/energy_uj";
        Result<std::uint64_t> now = read_counter(package.counter);
        if (!now.ok()) return not_found("{}", now.status().message());
        package.last = *now;
        package.range = read_counter(path + "/max_energy_range_uj").value_or(0);
        packages.push_back(std::move(package));
    }
    if (packages.empty()) return not_found("{} has no energy counter of a processor", folder);
    return std::make_unique<Rapl>(std::move(packages));
}

}  // namespace hf::posix
