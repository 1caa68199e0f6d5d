// The log of receipts: what a checkpoint was signed over is there, to the leaf, and the key that
// signs it stays the same.

#include <fmt/format.h>

#include "serve/merkle_log.h"
#include "sim/power/subject.h"

namespace hf::power {
namespace {

using serve::MerkleLog;

const std::string kFolder = "/data/receipts";
constexpr std::uint64_t kLeaves = 80;
constexpr std::uint64_t kEvery = 6;  // leaves under a checkpoint

std::string leaf_of(std::uint64_t index) {
    return fmt::format("leaf {} {}", index, std::string(index * 37 % 300, 'x'));
}

void add_leaf_of(std::uint64_t index, std::string& leaf) {
    leaf += leaf_of(index);
}

std::string checkpoint_of(std::uint64_t size) {
    return fmt::format("checkpoint {}", size);
}

class ReceiptsSubject final : public Subject {
public:
    std::string_view name() const override { return "receipts"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        testing::MemoryFiles files(disk);
        std::unique_ptr<MerkleLog> log;
        const auto start = [&]() -> Status {
            log = HF_TRY(MerkleLog::open(
                files, {.folder = kFolder, .signer = signer_, .segment_bytes = 1500}));
            return {};
        };
        HF_TRY(bear_full_disk(*disk, start, [] { return Status(); }));
        HF_TRY(check(*log, history));
        while (log->size() < kLeaves) {
            Status added = log->add(add_leaf_of).status();
            if (added.code() == Code::kResourceExhausted && disk->is_full()) {
                HF_TRY(Status(check(*log, history)).context("while the disk was full"));
                // A sync that failed stops a log until it is opened again.
                if (!log->health().ok()) return added;
                disk->make_room();
                added = log->add(add_leaf_of).status();
            }
            HF_TRY(std::move(added));
            if (log->size() % kEvery != 0) continue;
            HF_TRY(history.act(checkpoint_of(log->size()), [&] { return log->checkpoint(); }));
        }
        HF_TRY(history.act(checkpoint_of(log->size()), [&] { return log->checkpoint(); }));
        return check(*log, history);
    }

private:
    static Status check(const MerkleLog& log, const History& history) {
        const std::uint64_t size = log.signed_size();
        for (std::uint64_t promised = size + 1; promised <= kLeaves; ++promised) {
            if (!history.promised(checkpoint_of(promised))) continue;
            return data_loss("{} leaves were signed, {} are", promised, size);
        }
        for (std::uint64_t index = 0; index < size; ++index) {
            const MerkleLog::Proved proved = HF_TRY(log.prove(index));
            if (proved.leaf != leaf_of(index)) return data_loss("leaf {} is another", index);
        }
        return {};
    }

    const trust::NoteSigner signer_ =
        *trust::NoteSigner::create("log", crypto::Ed25519PrivateKey::generate());
};

}  // namespace

std::unique_ptr<Subject> receipts_subject() {
    return std::make_unique<ReceiptsSubject>();
}

}  // namespace hf::power
