#include "base/text.h"
#include "cli/commands.h"
#include "http/paced_client.h"
#include "http/url.h"
#include "node/update_client.h"
#include "trust/tuf/refusal.h"

namespace hf::cli {
namespace {

namespace tuf = trust::tuf;

constexpr std::uint64_t kMaxTargetBytes = std::uint64_t{4} << 30;

Result<std::string> needed(const Arguments& arguments, const std::string& option) {
    std::string value = arguments.get(option);
    if (value.empty()) {
        return invalid_argument("`tuf {}` needs --{}", arguments.get("VERB"), option);
    }
    return value;
}

Status init(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("ROOT");
    if (path.empty()) return invalid_argument("`tuf init` needs the file of the root to trust");
    const std::string folder = HF_TRY(needed(arguments, "metadata-dir"));
    const Bytes root = HF_TRY(world.files.read(path, tuf::kMaxRootBytes));
    HF_TRY(node::UpdateClient::begin_with(world.files, folder, root));
    world.note(fmt::format("{} is the root of {}\n", path, folder));
    return {};
}

// The repository, and a client for its targets, for as long as the command runs.
struct Session {
    std::string folder;
    std::unique_ptr<http::Client> http;
    std::unique_ptr<node::MetadataSource> source;
    std::unique_ptr<node::UpdateClient> client;
};

Result<Session> refreshed(World& world, const Arguments& arguments) {
    Session session;
    session.folder = HF_TRY(needed(arguments, "metadata-dir"));
    const std::string url = HF_TRY(needed(arguments, "metadata-url"));
    session.http = HF_TRY(http::create_paced_client({}, {}));
    session.source = HF_TRY(node::metadata_over_http(url));
    session.client =
        std::make_unique<node::UpdateClient>(world.files, session.folder, *session.source);
    HF_TRY(session.client->refresh(world.clock.now()));
    return session;
}

// Below `base`; in a consistent snapshot the last part of the path begins with the file's hash.
std::string url_of(std::string base, const std::string& target, std::string_view hash) {
    if (!base.ends_with('/')) base += '/';
    std::vector<std::string> parts;
    for (const std::string_view part : split(target, '/')) {
        parts.push_back(http::percent_encode(part));
    }
    if (!hash.empty()) parts.back() = fmt::format("{}.{}", hash, parts.back());
    return base + join(parts, "/");
}

bool is_here(World& world, const std::string& path, const tuf::TargetFile& file) {
    const Result<Bytes> bytes = world.files.read(path, file.length);
    return bytes.ok() && bytes->size() == file.length &&
           tuf::check_hashes(file.hashes, as_text(*bytes)).ok();
}

struct Wanted {
    tuf::TargetFile file;
    std::string url;
    std::string path;  // where it goes
};

Status fetch(World& world, http::Client& client, const Wanted& wanted) {
    const tuf::TargetFile& file = wanted.file;
    const auto writer = HF_TRY(world.files.create(wanted.path, env::Access::kShared));
    tuf::HashCheck check(file.hashes);
    std::uint64_t size = 0;
    http::ClientRequest request;
    request.url = wanted.url;
    request.sink = [&](ByteView piece) -> Status {
        size += piece.size();
        if (size > file.length) {
            return tuf::refusal(tuf::kTooLarge, "more than the {} bytes promised", file.length);
        }
        check.update(piece);
        return writer->append(piece);
    };
    const http::Response response = HF_TRY(client.send(request));
    if (response.status != 200) {
        return unavailable("{} answered HTTP status {}", wanted.url, response.status);
    }
    const Status same = check.finish();
    if (!same.ok() || size != file.length) {
        return tuf::refusal(tuf::kTargetMismatch, "{}", same.ok() ? "it is cut" : same.message());
    }
    return writer->commit();
}

Status download(World& world, const Arguments& arguments) {
    const std::string folder = HF_TRY(needed(arguments, "target-dir"));
    const std::string base = HF_TRY(needed(arguments, "target-base-url"));
    HF_TRY(needed(arguments, "target-name"));
    HF_TRY(world.files.create_directories(folder));
    const Session session = HF_TRY(refreshed(world, arguments));
    for (const std::string& target : arguments.all("target-name")) {
        const tuf::TargetFile file = HF_TRY(session.client->find(target));
        const std::string path = folder + "/" + http::percent_encode(target);
        if (file.length > kMaxTargetBytes) {
            return resource_exhausted("{}: {} is more than this command takes", target,
                                      format_bytes(file.length));
        }
        if (is_here(world, path, file)) continue;
        const bool by_hash = session.client->root().consistent_snapshot;
        const std::string_view hash = by_hash ? tuf::hash_to_name_by(file.hashes) : "";
        HF_TRY(fetch(world, *session.http, {file, url_of(base, target, hash), path})
                   .context("{}", target));
        world.note(fmt::format("wrote {}\n", path));
    }
    return {};
}

Status run(World& world, const Arguments& arguments) {
    const std::string verb = arguments.get("VERB");
    if (verb == "init") return init(world, arguments);
    if (verb == "refresh") return refreshed(world, arguments).status();
    if (verb == "download") return download(world, arguments);
    return invalid_argument("`tuf` does not know '{}'; it does init, refresh and download", verb);
}

}  // namespace

Command tuf_command() {
    return {"tuf",
            "Follows a repository of The Update Framework, and downloads what it vouches for",
            {{"VERB", "init, refresh or download"},
             {"ROOT", "for init: the file of the first root to trust", false}},
            {{"--metadata-dir", "where verified metadata is kept", "FOLDER"},
             {"--metadata-url", "where the repository's metadata is", "URL"},
             {"--target-name", "what to download, in this order", "PATH", "", true},
             {"--target-base-url", "where the repository's targets are", "URL"},
             {"--target-dir", "where downloaded targets go", "FOLDER"}},
            {"holdfast tuf --metadata-dir trusted init root.json",
             "holdfast tuf --metadata-dir trusted --metadata-url https://updates.example/metadata "
             "refresh"},
            run};
}

}  // namespace hf::cli
