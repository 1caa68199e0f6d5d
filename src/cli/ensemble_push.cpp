#include "cli/ensemble_push.h"

#include <algorithm>
#include <deque>
#include <set>

#include "cli/activated.h"
#include "cli/companions.h"
#include "cli/ensemble_file.h"
#include "cli/golden.h"
#include "crypto/hash.h"
#include "graph/load.h"
#include "runtime/compile.h"

namespace hf::cli {
namespace {

// A file of ModelFiles, which have it mapped.
class InPlace final : public env::MappedFile {
public:
    explicit InPlace(ByteView bytes) : bytes_(bytes) {}
    ByteView bytes() const override { return bytes_; }

private:
    const ByteView bytes_;
};

// The models that a declaration names; none where it cannot be read, which is refused later.
std::vector<std::string> named_in(const trust::FileToScan& declaration) {
    const auto read = serve::ensemble::Declaration::parse(as_text(declaration.bytes));
    return read.ok() ? read->models() : std::vector<std::string>();
}

// `read` becomes what the model has beside it, each once; null: nobody wants to know.
Result<graph::Graph> load_file(const vault::OpenModel& files, const std::string& path,
                               std::vector<node::DataFile>* read) {
    const auto file = files.find(path);
    const graph::ExternalData data = [&](std::string_view named) -> Result<graph::ExternalBytes> {
        const auto map = files.find(named);
        if (!map) return not_found("external data '{}'", named);
        const auto same = [&](const node::DataFile& known) { return known.name == named; };
        if (read && std::none_of(read->begin(), read->end(), same)) {
            read->push_back({std::string(named), crypto::sha256(map->bytes())});
        }
        return graph::ExternalBytes{map->bytes(), map};
    };
    return graph::load(file->bytes(), data, file).context("{}", path);
}

}  // namespace

Result<ModelFiles> open_ensemble_files(World& world, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    ModelFiles all;
    std::set<std::string> seen;
    std::deque<std::string> wanted{path.substr(folder.size())};
    // Bounded: names that are files, which parts_in() counts, and the steps of those.
    while (!wanted.empty() && seen.size() <= 4 * serve::ensemble::kPartsMax) {
        const std::string file = std::move(wanted.front());
        wanted.pop_front();
        if (seen.contains(file)) continue;
        ModelFiles opened = HF_TRY(open_model_files(world, folder + file, {}, kCompanionEndings));
        if (is_ensemble(file)) {
            for (const std::string& name : named_in(opened.files.front())) {
                if (!vault::is_model_path(name) || name.find('/') != name.npos) continue;
                for (const std::string_view ending : serve::ensemble::kMemberEndings) {
                    std::string member = name + std::string(ending);
                    if (world.files.exists(folder + member)) wanted.push_back(std::move(member));
                }
            }
        }
        for (trust::FileToScan& each : opened.files) {
            if (seen.insert(each.path).second) all.files.push_back(std::move(each));
        }
        std::move(opened.maps.begin(), opened.maps.end(), std::back_inserter(all.maps));
    }
    HF_TRY(parts_in(as_opened(all), path.substr(folder.size())));
    return all;
}

vault::OpenModel as_opened(const ModelFiles& files) {
    vault::OpenModel opened;
    for (const trust::FileToScan& file : files.files) {
        opened.files.push_back({file.path, std::make_shared<const InPlace>(file.bytes)});
    }
    return opened;
}

Status check_ensemble(World& world, const vault::OpenModel& files, const std::string& entry) {
    node::Activation activation;
    for (node::Member& member : HF_TRY(members_in(files, entry))) {
        node::CompiledFile file;
        graph::Graph graph = HF_TRY(load_file(files, member.path, &file.data));
        file.model =
            HF_TRY(runtime::compile(std::move(graph), {}, nullptr).context("{}", member.path));
        file.digest = crypto::sha256(files.find(member.path)->bytes());
        file.name = std::move(member.name);
        file.path = std::move(member.path);
        activation.models.push_back(std::move(file));
    }
    activation.entry = entry;
    activation.files = files;
    return make_activated_host({}, activation, world.clock).status();
}

Result<vault::Golden> make_ensemble_golden(const vault::OpenModel& files, const std::string& entry,
                                           const GoldenChoice& choice) {
    const std::vector<node::Member> members = HF_TRY(members_in(files, entry));
    if (choice.samples * members.size() > vault::kMaxGoldenSamples) {
        return invalid_argument("--golden: {} samples of each of {} members are more than {}",
                                choice.samples, members.size(), vault::kMaxGoldenSamples);
    }
    vault::Golden all;
    for (const node::Member& member : members) {
        Result<vault::Golden> golden = make_golden(HF_TRY(load_file(files, member.path, nullptr)),
                                                   choice.samples, choice.seed);
        HF_TRY(golden.status().context("{}: no golden outputs (--golden 0 pushes without)",
                                       member.path));
        all.device = golden->device;
        all.seed = golden->seed;
        for (vault::GoldenSample& sample : golden->samples) {
            sample.model = member.name;
            all.samples.push_back(std::move(sample));
        }
    }
    return all;
}

}  // namespace hf::cli
