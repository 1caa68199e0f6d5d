#include "base/text.h"
#include "cli/commands.h"
#include "cli/store_choice.h"
#include "cli/store_copy.h"

namespace hf::cli {
namespace {

constexpr Duration kTellInterval = std::chrono::seconds(1);

// A source that is not there is a mistake, and not an empty store.
Status check_source(World& world, const StoreChoice& from) {
    constexpr std::string_view kSqlite = "sqlite:";
    if (!from.url.starts_with(kSqlite)) return {};
    const std::string path = from.url.substr(kSqlite.size());
    return world.files.exists(path) ? Status() : not_found("{} is not there", path);
}

Status run(World& world, const Arguments& arguments) {
    const StoreChoice from = store_choice(arguments.get("FROM"), arguments);
    StoreChoice to = store_choice(arguments.get("TO"), arguments);
    if (from.is_etcd() == to.is_etcd()) {
        return invalid_argument("want one of sqlite:PATH and one of etcd://..., in either order");
    }
    HF_TRY(check_source(world, from));
    // The certificates are the etcd's, whichever side that is.
    StoreChoice plain_from{from.url, {}, {}, {}}, plain_to{to.url, {}, {}, {}};
    const std::unique_ptr<store::Store> source =
        HF_TRY(open_store(world, from.is_etcd() ? from : plain_from));
    const std::unique_ptr<store::Store> target =
        HF_TRY(open_store(world, to.is_etcd() ? to : plain_to));
    Duration told = world.clock.monotonic();
    const auto progress = [&](std::size_t done, std::size_t all) {
        if (done != all && world.clock.monotonic() - told < kTellInterval) return;
        told = world.clock.monotonic();
        world.note(fmt::format("copied {} of {} keys\n", done, all));
    };
    const StoreCopy copy = HF_TRY(copy_store(*source, *target, progress));
    world.out(fmt::format("{}: {} keys, {}, {}\n",
                          copy.was_there ? "the target held the very same already" : "copied",
                          copy.contents.keys, format_bytes(copy.contents.bytes),
                          copy.contents.digest.to_string()));
    if (copy.contents.leased > 0) {
        world.note(fmt::format("{} keys on leases stayed behind\n", copy.contents.leased));
    }
    return {};
}

}  // namespace

Command store_migrate_command() {
    return {"store migrate",
            "Copies a server's resources between SQLite and etcd, while no server runs",
            {{"FROM", "sqlite:PATH or etcd://HOST:PORT[,HOST:PORT...][/PREFIX]"},
             {"TO", "the other of the two; empty, or with the very same in it"}},
            store_tls_options(),
            {"holdfast store migrate sqlite:/srv/holdfast/store.db etcd://127.0.0.1:2379",
             "holdfast store migrate etcd://127.0.0.1:2379 sqlite:/srv/holdfast/store.db"},
            run};
}

}  // namespace hf::cli
