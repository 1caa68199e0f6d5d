#include "testing/crash_states.h"

#include <fmt/format.h>

#include <algorithm>

namespace hf::testing {
namespace {

using Kind = DiskOperation::Kind;

constexpr std::size_t kSector = 512;
constexpr std::size_t kPage = 4096;

bool is_of_bytes(const DiskOperation& operation) {
    return operation.kind == Kind::kWrite || operation.kind == Kind::kTruncate;
}

bool is_of_names(const DiskOperation& operation) {
    return operation.kind == Kind::kLink || operation.kind == Kind::kRename ||
           operation.kind == Kind::kUnlink || operation.kind == Kind::kFolder;
}

// The folder whose sync makes it safe.
std::string_view folder_named_in(const DiskOperation& operation) {
    return folder_of(operation.kind == Kind::kRename ? operation.to : operation.path);
}

std::string name_of(const DiskOperation& operation) {
    switch (operation.kind) {
        case Kind::kWrite:
            return fmt::format("{} bytes at {} of file {}", operation.bytes.size(),
                               operation.offset, operation.file);
        case Kind::kTruncate: return fmt::format("the new size of file {}", operation.file);
        case Kind::kLink: return "the new name " + operation.path;
        case Kind::kRename: return fmt::format("the move to {}", operation.to);
        case Kind::kUnlink: return fmt::format("the removal of {}", operation.path);
        case Kind::kFolder: return fmt::format("the folder {}", operation.path);
        default: return "a sync";
    }
}

void write(Bytes& to, std::uint64_t offset, ByteView bytes) {
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

void apply(DiskImage& image, const DiskOperation& operation) {
    switch (operation.kind) {
        case Kind::kWrite:
            write(image.files[operation.file], operation.offset, operation.bytes);
            break;
        case Kind::kTruncate: image.files[operation.file].resize(operation.offset); break;
        case Kind::kLink: image.names[operation.path] = operation.file; break;
        case Kind::kRename:
            image.names.erase(operation.path);
            image.names[operation.to] = operation.file;
            break;
        case Kind::kUnlink:
            image.names.erase(operation.path);
            image.folders.erase(operation.path);
            break;
        case Kind::kFolder: image.folders.insert(operation.path); break;
        case Kind::kSync:
        case Kind::kSyncFailed:
        case Kind::kSyncFolder: break;
    }
}

void apply_damaged(DiskImage& image, const DiskOperation& operation, const Damage& damage) {
    if (damage.kind == Damage::Kind::kMissing) return;
    const ByteView kept = ByteView(operation.bytes).first(damage.kept);
    Bytes& file = image.files[operation.file];
    if (damage.kind == Damage::Kind::kZeros) {
        file.resize(std::max<std::size_t>(file.size(), operation.offset + operation.bytes.size()));
    }
    write(file, operation.offset, kept);
}

// What lies in a folder that is lost is lost with it.
void drop_strays(DiskImage& image) {
    const auto is_stray = [&](std::string_view path) {
        const std::string_view folder = folder_of(path);
        return !folder.empty() && !image.folders.contains(folder);
    };
    for (auto at = image.folders.begin(); at != image.folders.end();) {
        // Sorted: a folder comes after the one that it is in.
        at = is_stray(*at) ? image.folders.erase(at) : std::next(at);
    }
    std::erase_if(image.names, [&](const auto& name) { return is_stray(name.first); });
    for (const auto& [name, file] : image.names) image.files[file];
}

}  // namespace

CrashStates::CrashStates(const Disk& disk) : base_(disk.base()), operations_(disk.operations()) {}

std::vector<std::size_t> CrashStates::unsafe(std::size_t operations) const {
    std::set<std::size_t> open, lost;
    for (std::size_t i = 0; i < operations; ++i) {
        const DiskOperation& now = operations_[i];
        if (is_of_bytes(now) || is_of_names(now)) open.insert(i);
        if (now.kind == Kind::kSyncFailed) {
            for (std::size_t at : open) {
                if (is_of_bytes(operations_[at]) && operations_[at].file == now.file) {
                    lost.insert(at);
                }
            }
        }
        const auto is_safe = [&](std::size_t at) {
            const DiskOperation& then = operations_[at];
            if (now.kind == Kind::kSync) {
                return is_of_bytes(then) && then.file == now.file && !lost.contains(at);
            }
            return now.kind == Kind::kSyncFolder && is_of_names(then) &&
                   folder_named_in(then) == now.path;
        };
        std::erase_if(open, is_safe);
    }
    return {open.begin(), open.end()};
}

// At most three borders of each size: the first, the middle and the last.
std::vector<Damage> CrashStates::tears(std::size_t operation) const {
    const DiskOperation& write = operations_[operation];
    std::set<std::size_t> borders;
    for (const std::size_t unit : {kSector, kPage}) {
        std::vector<std::size_t> all;
        for (std::size_t at = unit - write.offset % unit; at < write.bytes.size(); at += unit) {
            all.push_back(at);
        }
        if (all.empty()) continue;
        borders.insert({all.front(), all[all.size() / 2], all.back()});
    }
    std::vector<Damage> tears{{operation, Damage::Kind::kZeros, 0}};
    for (std::size_t at : borders) {
        tears.push_back({operation, Damage::Kind::kTorn, at});
        tears.push_back({operation, Damage::Kind::kZeros, at});
    }
    return tears;
}

std::vector<CrashState> CrashStates::usual(std::size_t operations) const {
    const std::vector<std::size_t> open = unsafe(operations);
    std::vector<CrashState> states;
    if (open.size() <= kExactly) {
        for (std::size_t choice = 0; choice < std::size_t{1} << open.size(); ++choice) {
            CrashState state{operations, {}};
            for (std::size_t i = 0; i < open.size(); ++i) {
                if (choice >> i & 1) state.damage.push_back({open[i]});
            }
            states.push_back(std::move(state));
        }
    } else {
        CrashState bytes{operations, {}}, names{operations, {}}, all{operations, {}};
        for (std::size_t at : open) {
            (is_of_bytes(operations_[at]) ? bytes : names).damage.push_back({at});
            all.damage.push_back({at});
        }
        states = {CrashState{operations, {}}, std::move(bytes), std::move(names), std::move(all)};
    }
    const bool last_is_open = !open.empty() && open.back() + 1 == operations;
    if (!last_is_open || operations_[open.back()].kind != Kind::kWrite) return states;
    for (const Damage& tear : tears(open.back())) {
        states.push_back({operations, {tear}});
        if (open.size() == 1) continue;
        CrashState rest{operations, {}};
        for (std::size_t at : open) rest.damage.push_back({at});
        rest.damage.back() = tear;
        states.push_back(std::move(rest));
    }
    return states;
}

CrashState CrashStates::draw(std::size_t operations, Rng& rng) const {
    CrashState state{operations, {}};
    for (std::size_t at : unsafe(operations)) {
        if (rng.chance(1, 2)) continue;
        Damage damage{at};
        if (operations_[at].kind == Kind::kWrite && rng.chance(1, 2)) {
            const std::vector<Damage> all = tears(at);
            damage = all[rng.below(all.size())];
        }
        state.damage.push_back(damage);
    }
    return state;
}

DiskImage CrashStates::build(const CrashState& state) const {
    DiskImage image = base_;
    std::size_t next = 0;
    for (std::size_t i = 0; i < state.operations; ++i) {
        if (next < state.damage.size() && state.damage[next].operation == i) {
            apply_damaged(image, operations_[i], state.damage[next++]);
        } else {
            apply(image, operations_[i]);
        }
    }
    drop_strays(image);
    return image;
}

std::string CrashStates::describe(const CrashState& state) const {
    std::string text = fmt::format("after {} operations", state.operations);
    for (const Damage& damage : state.damage) {
        const std::string what = name_of(operations_[damage.operation]);
        switch (damage.kind) {
            case Damage::Kind::kMissing:
                text += fmt::format(", without {} ({})", damage.operation, what);
                break;
            case Damage::Kind::kTorn:
                text += fmt::format(", {} torn after {} ({})", damage.operation, damage.kept, what);
                break;
            case Damage::Kind::kZeros:
                text +=
                    fmt::format(", {} zeros after {} ({})", damage.operation, damage.kept, what);
                break;
        }
    }
    return text;
}

}  // namespace hf::testing
