// What a member of etcd answers, as the first byte chooses: any bytes are an answer or an error.

#include "store/etcd/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace etcd = hf::store::etcd;
    constexpr std::string_view kPrefix = "/p/";
    if (size == 0) return 0;
    const hf::ByteView answer(data + 1, size - 1);
    switch (data[0] % 5) {
        case 0: (void)etcd::parse_range(answer, kPrefix); break;
        case 1: (void)etcd::parse_transaction(answer, kPrefix); break;
        case 2: (void)etcd::parse_watch(answer, kPrefix); break;
        case 3: (void)etcd::parse_lease(answer); break;
        default: (void)etcd::header_revision(answer); break;
    }
    return 0;
}
