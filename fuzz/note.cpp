// Signed notes and the checkpoints in them.

#include "trust/note.h"
#include "trust/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = hf::as_text({data, size});
    (void)hf::trust::parse_note(text);
    (void)hf::trust::parse_checkpoint(text);
    (void)hf::trust::NoteVerifier::parse(text);
    return 0;
}
