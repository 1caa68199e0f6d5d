// What a receipt costs each prediction, with the log on a real disk: digests of a small request and
// answer, the receipt's text, the Merkle tree, the write, and its share of syncing and signing once
// a second. Prints; judges nothing.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "posix/clock.h"
#include "posix/files.h"
#include "serve/receipts.h"
#include "testing/temp_dir.h"
#include "trust/receipt.h"

namespace hf {
namespace {

double micros(Duration duration, std::size_t count) {
    return std::chrono::duration<double, std::micro>(duration).count() / static_cast<double>(count);
}

class NoModel final : public runtime::CompiledModel {
public:
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return unimplemented("only its receipts are measured");
    }

private:
    const runtime::Signature signature_{};
};

// User and system time of all threads: what the machine's other work does not inflate.
Duration processor_time() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& t) {
        return Duration(std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec));
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

void measure(std::size_t threads, std::size_t each) {
    const testing::TempDir dir;
    posix::RealFiles files;
    posix::RealClock clock;
    posix::RealEntropy entropy;
    const auto receipts =
        serve::Receipts::open({files, clock, entropy}, {.folder = dir / "log", .node = "bench"});
    HF_CHECK(receipts.ok(), "{}", receipts.status().to_string());
    const serve::ModelHost::Identity identity{.name = "pump",
                                              .platform = "onnx",
                                              .model_digest = "sha256:" + std::string(64, 'a'),
                                              .signer = "key sha256:" + std::string(64, 'b')};
    const serve::ModelHost host(identity, std::make_shared<const NoModel>(), clock);
    const Tensor input(DType::kF32, {1, 16});
    const Tensor output(DType::kF32, {1, 3});
    const auto work = [&] {
        for (std::size_t i = 0; i < each; ++i) {
            const serve::NamedTensor in{"x", input};
            const serve::NamedTensor out{"y", output};
            const Result<std::string> id =
                (*receipts)->add({.host = host,
                                  .request = serve::tensors_digest({&in, 1}),
                                  .response = serve::tensors_digest({&out, 1}),
                                  .duration = std::chrono::microseconds(1)});
            HF_CHECK(id.ok(), "{}", id.status().to_string());
        }
    };
    const Duration start = clock.monotonic();
    const Duration used = processor_time();
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(work);
    for (std::thread& worker : workers) worker.join();
    HF_CHECK((*receipts)->checkpoint().ok());
    const std::size_t count = threads * each;
    std::printf("%zu receipts by %zu thread(s): %.2f us each, of it %.2f us processor time\n",
                count, threads, micros(clock.monotonic() - start, count),
                micros(processor_time() - used, count));
}

}  // namespace
}  // namespace hf

int main() {
    hf::measure(1, 200'000);
    hf::measure(2, 100'000);
    return EXIT_SUCCESS;
}
