#include "serve/schedule/schedule.h"

#include <algorithm>

namespace hf::serve {
namespace {

// How often, in picks of a lane, a batch is larger or smaller than seems best.
constexpr std::uint64_t kLookEvery = 64;

int look_of(std::uint64_t picks) {
    if (picks % kLookEvery == 0) return 1;
    return picks % kLookEvery == kLookEvery / 2 ? -1 : 0;
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

LaneId Schedule::add_lane(LaneOptions options) {
    last_lane_ = LaneId{last_lane_.value() + 1};
    Lane& lane = lanes_[last_lane_];
    lane.profile = LatencyProfile(options.prepared);
    lane.used = turn_;
    limit(last_lane_, options.most);
    return last_lane_;
}

void Schedule::prepared(LaneId lane, std::uint64_t rows) {
    lanes_.at(lane).profile.prepared(rows);
}

void Schedule::unprepared(LaneId lane) {
    lanes_.at(lane).profile.unprepared();
}

void Schedule::limit(LaneId lane, std::size_t most) {
    HF_CHECK(most > 0);
    lanes_.at(lane).most = most;
}

bool Schedule::may_run(const Lane& lane) const {
    return running_ < options_.places && lane.running < lane.most;
}

bool Schedule::is_someone_next() const {
    return std::any_of(busy_.begin(), busy_.end(),
                       [this](LaneId id) { return may_run(lanes_.at(id)); });
}

void Schedule::remove_lane(LaneId lane) {
    const auto at = lanes_.find(lane);
    HF_CHECK(at != lanes_.end() && at->second.waiting.empty() && at->second.running == 0,
             "lane {} is in use", lane.value());
    lanes_.erase(at);
}

Result<JobId> Schedule::admit(LaneId id, Terms terms, Size size, Duration now) {
    Lane& lane = lanes_.at(id);
    if (lane.waiting.size() >= options_.queued_max) {
        return resource_exhausted("{} requests wait for this model; try again in {}",
                                  lane.waiting.size(), format_duration(backlog(lane)));
    }
    if (terms.patience < Duration::max()) {
        terms.start_by = std::min(terms.start_by, now + terms.patience);
    }
    HF_TRY(check_start(lane, terms, now));
    const bool at_once = may_run(lane) && !is_someone_next();
    // Who has not asked for a while has not saved up for it.
    if (lane.waiting.empty() && lane.running == 0) lane.used = std::max(lane.used, turn_);
    last_job_ = JobId{last_job_.value() + 1};
    auto at = lane.waiting.end();
    while (at != lane.waiting.begin() && std::prev(at)->terms.priority > terms.priority) --at;
    lane.rows += size.rows;
    if (at_once) terms.start_by = Duration::max();  // it is in time
    lane.hurried += terms.start_by != Duration::max();
    lane.waiting.insert(at, {last_job_, terms, std::move(size)});
    busy_.insert(id);
    return last_job_;
}

Status Schedule::check_start(const Lane& lane, const Terms& terms, Duration now) const {
    if (terms.start_by == Duration::max()) return {};
    if (terms.start_by <= now) {
        return deadline_exceeded("the time that the request allows was over when it came");
    }
    if (may_run(lane)) return {};
    const Duration ahead = backlog(lane);
    if (now + ahead <= terms.start_by) return {};
    return resource_exhausted(
        "it would start in {}, and may wait {}; try again then, or allow more",
        format_duration(ahead), format_duration(terms.start_by - now));
}

std::vector<JobId> Schedule::take_late(Duration now) {
    std::vector<JobId> late;
    for (const LaneId id : std::set(busy_)) {
        Lane& lane = lanes_.at(id);
        for (auto at = lane.waiting.begin(); lane.hurried > 0 && at != lane.waiting.end();) {
            if (at->terms.start_by > now) {
                ++at;
                continue;
            }
            late.push_back(at->job);
            at = take_out(lane, at);
        }
        note_idle(id);
    }
    return late;
}

std::list<Schedule::Waiting>::iterator Schedule::take_out(Lane& lane,
                                                          std::list<Waiting>::iterator at) {
    lane.rows -= at->size.rows;
    lane.hurried -= at->terms.start_by != Duration::max();
    return lane.waiting.erase(at);
}

void Schedule::note_idle(LaneId id) {
    if (lanes_.at(id).waiting.empty()) busy_.erase(id);
}

std::optional<Schedule::Pick> Schedule::next() {
    if (running_ >= options_.places || busy_.empty()) return std::nullopt;
    const LaneId chosen = *std::min_element(busy_.begin(), busy_.end(), [this](LaneId a, LaneId b) {
        const Lane& first = lanes_.at(a);
        const Lane& second = lanes_.at(b);
        if (may_run(first) != may_run(second)) return may_run(first);
        return first.used < second.used;
    });
    Lane& lane = lanes_.at(chosen);
    if (!may_run(lane)) return std::nullopt;
    Pick pick = pick_from(chosen, lane);
    note_idle(chosen);
    turn_ = lane.used;
    // So that a lane whose run takes long is not picked again meanwhile as if it had had nothing.
    lane.used += seconds(pick.expected);
    ++lane.running;
    ++running_;
    return pick;
}

// The first, and those behind it that may run with it.
Schedule::Pick Schedule::pick_from(LaneId id, Lane& lane) const {
    const Size first = lane.waiting.front().size;
    Pick pick{id, {}, 0, {}};
    std::uint64_t wanted = first.rows;
    if (!first.kind.empty()) {
        std::uint64_t like = 0;
        for (const Waiting& each : lane.waiting) {
            if (like >= kBatchRowsMax) break;
            like += each.size.kind == first.kind ? each.size.rows : 0;
        }
        const int look = look_of(++lane.picks);
        const std::uint64_t most = std::min(like, first.rows_most);
        const LatencyProfile::Best best = lane.profile.best(most, options_.batch_most, look);
        wanted = std::max(wanted, best.rows);
        pick.unprepared = best.unprepared;
    }
    for (auto at = lane.waiting.begin(); at != lane.waiting.end();) {
        const bool alike = !first.kind.empty() && at->size.kind == first.kind;
        if (pick.jobs.empty() || (alike && pick.rows + at->size.rows <= wanted)) {
            pick.jobs.push_back(at->job);
            pick.rows += at->size.rows;
            at = take_out(lane, at);
        } else {
            ++at;
        }
        if (pick.rows >= wanted) break;
    }
    pick.expected = lane.profile.expect(pick.rows);
    return pick;
}

void Schedule::done(const Pick& pick, std::uint64_t rows, Duration took) {
    Lane& lane = lanes_.at(pick.lane);
    lane.used += seconds(took) - seconds(pick.expected);
    if (rows > 0) lane.profile.note(rows, took);
    --lane.running;
    --running_;
}

std::size_t Schedule::waiting(LaneId lane) const {
    return lanes_.at(lane).waiting.size();
}

Duration Schedule::backlog(LaneId lane) const {
    return backlog(lanes_.at(lane));
}

Duration Schedule::backlog(const Lane& lane) const {
    const Duration one = lane.profile.expect(1);
    return one * static_cast<std::int64_t>(lane.rows + lane.running) /
           static_cast<std::int64_t>(std::min(options_.places, lane.most));
}

}  // namespace hf::serve
