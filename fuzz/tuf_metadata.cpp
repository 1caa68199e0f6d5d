// Metadata of The Update Framework: all readers, and an update whose every answer is this input.

#include "trust/tuf/update.h"

namespace tuf = hf::trust::tuf;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(hf::as_text({data, size}));
    const hf::Result<tuf::Envelope> envelope = tuf::read_envelope(text, tuf::kMaxTargetsBytes);
    if (envelope.ok()) {
        const hf::Result<tuf::Root> root = tuf::read_root(*envelope);
        if (root.ok()) (void)tuf::check_signatures(*envelope, root->keys, root->root);
        (void)tuf::read_timestamp(*envelope);
        (void)tuf::read_snapshot(*envelope);
        const hf::Result<tuf::Targets> targets = tuf::read_targets(*envelope);
        if (targets.ok()) {
            for (const tuf::Delegation& delegation : targets->delegations) {
                (void)tuf::covers(delegation, "pump/v1");
                (void)tuf::check_signatures(*envelope, targets->keys, delegation.role);
            }
        }
    }
    tuf::Update update({{"root", text}, {"timestamp", text}, {"snapshot", text}}, hf::Instant());
    tuf::Turn turn = update.start();
    for (int i = 0; i < 8 && turn.request; ++i) turn = update.on_bytes(text);
    if (turn.request) turn = update.on_missing();
    (void)tuf::role_of_file(text);
    return 0;
}
