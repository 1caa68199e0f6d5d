#include "serve/seen/access_log.h"

#include <pthread.h>

#include <fmt/format.h>

#include "base/bytes.h"

namespace hf::serve::seen {
namespace {

// How long lines gather, unless there are so many bytes of them.
constexpr Duration kGather = std::chrono::milliseconds(100);
constexpr std::size_t kGatherBytes = 256u << 10;

class LogFile final {
public:
    LogFile(env::Files& files, std::string path) : files_(files), path_(std::move(path)) {}

    Status open() {
        file_ = HF_TRY(files_.open_append(path_, env::Access::kShared));
        return {};
    }

    Status append(std::string_view lines) {
        if (!file_ || is_elsewhere()) HF_TRY(open());
        return file_->append(as_bytes(lines));
    }

private:
    // Whether what has the name now is not what was opened: nothing, or something shorter.
    bool is_elsewhere() {
        const Result<env::FileInfo> info = files_.info(path_);
        if (!info.ok()) return info.status().code() == Code::kNotFound;
        return info->size_bytes < file_->size();
    }

    env::Files& files_;
    const std::string path_;
    std::unique_ptr<env::AppendFile> file_;
};

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(env::Files& files, const std::string& path) {
    const auto file = std::make_shared<LogFile>(files, path);
    HF_TRY(file->open());
    return std::make_unique<AccessLog>(
        [file](std::string_view lines) { return file->append(lines); });
}

AccessLog::AccessLog(Sink sink) : sink_(std::move(sink)) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-access-log");
        run();
    });
}

AccessLog::~AccessLog() {
    {
        const MutexLock lock(mutex_);
        ending_ = true;
    }
    news_.notify_all();
    thread_.join();
}

void AccessLog::offer(std::string_view line) {
    bool is_news = false;
    {
        const MutexLock lock(mutex_);
        if (buffer_.size() + line.size() > kLogBufferMax) {
            ++counts_.dropped;
            return;
        }
        const std::size_t before = buffer_.size();
        buffer_ += line;
        ++lines_;
        is_news = before == 0 || (before < kGatherBytes && buffer_.size() >= kGatherBytes);
    }
    if (is_news) news_.notify_one();
}

void AccessLog::run() {
    MutexLock lock(mutex_);
    for (;;) {
        news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return ending_ || !buffer_.empty(); });
        if (buffer_.empty()) return;
        news_.wait_for(lock, kGather, [this]() HF_REQUIRES(mutex_) {
            return ending_ || buffer_.size() >= kGatherBytes;
        });
        const std::string taken = std::exchange(buffer_, {});
        const std::uint64_t lines = std::exchange(lines_, 0);
        lock.unlock();
        const Status status = sink_(taken);
        lock.lock();
        (status.ok() ? counts_.written : counts_.dropped) += lines;
    }
}

AccessLog::Counts AccessLog::counts() const {
    const MutexLock lock(mutex_);
    return counts_;
}

std::string AccessLog::metrics() const {
    const Counts now = counts();
    return fmt::format(
        "# HELP holdfast_access_log_lines_total Lines of the access log; dropped ones could not be "
        "written.\n"
        "# TYPE holdfast_access_log_lines_total counter\n"
        "holdfast_access_log_lines_total{{outcome=\"written\"}} {}\n"
        "holdfast_access_log_lines_total{{outcome=\"dropped\"}} {}\n",
        now.written, now.dropped);
}

}  // namespace hf::serve::seen
