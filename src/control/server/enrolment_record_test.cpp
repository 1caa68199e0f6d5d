// The decisions about enrolled nodes, over values: every row is one record, one request, one
// answer.

#include "control/server/enrolment_record.h"

#include <gtest/gtest.h>

#include "control/server/reasons.h"
#include "crypto/hash.h"

namespace hf::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Instant kNow = parse_rfc3339("2026-11-24T12:00:00Z").value();
const Digest kKey = crypto::sha256(as_bytes("key")), kOther = crypto::sha256(as_bytes("other"));
const Digest kOld = crypto::sha256(as_bytes("old"));

EnrolmentRecord record(EnrolmentState state = EnrolmentState::kActive) {
    EnrolmentRecord made;
    made.node = "press";
    made.site = "hall";
    made.state = state;
    if (state != EnrolmentState::kActive) made.why = "lost";
    made.key = kKey;
    made.current = "c2";
    made.previous = "c1";
    made.until = kNow + hours(12);
    made.enrolled = kNow - hours(36);
    made.renewed = kNow - hours(12);
    return made;
}

EnrolmentRecord seen(Duration ago) {
    EnrolmentRecord made = record();
    made.seen = kNow - ago;
    return made;
}

EnrolmentRecord with_revoked_key() {
    EnrolmentRecord made = record();
    made.revoked_keys = {kOld};
    return made;
}

ShownSvid shown(std::string serial, Digest key = kKey, Duration left = hours(1)) {
    return {std::move(serial), key, kNow + left};
}

struct Row {
    std::string name;
    std::optional<EnrolmentRecord> record;
    EnrolmentRequest request;
    std::string_view reason;  // empty: granted
    Consequence consequence = Consequence::kNone;
};

void check(const Row& row, const EnrolmentDecision& decision) {
    EXPECT_EQ(reasons::of(decision.verdict), row.reason)
        << row.name << ": " << decision.verdict.to_string();
    EXPECT_EQ(decision.consequence, row.consequence) << row.name;
}

EnrolmentRequest by_token(Digest key = kKey) {
    return {"press", key, "hall", std::nullopt};
}

EnrolmentRequest renewal(ShownSvid svid, Digest key = kKey) {
    return {"press", key, "", std::move(svid)};
}

TEST(EnrolmentDecision, WhoGetsACertificate) {
    const auto none = std::nullopt;
    const Duration long_ago = -(kRenewalGrace - minutes(1));
    const std::vector<Row> rows{
        {"a new name", none, by_token(), ""},
        {"the same key again", record(), by_token(), ""},
        {"a name that is taken", record(), by_token(kOther), reasons::kNodeNameTaken},
        {"a new key after revocation", revoked(record(), "lost"), by_token(kOther), ""},
        {"the revoked key", revoked(record(), "lost"), by_token(), reasons::kKeyRevoked},
        {"a key revoked before the last", with_revoked_key(), by_token(kOld), reasons::kKeyRevoked},
        {"in quarantine", record(EnrolmentState::kQuarantined), by_token(),
         reasons::kNodeQuarantined},
        {"another key in quarantine", record(EnrolmentState::kQuarantined), by_token(kOther),
         reasons::kNodeQuarantined},

        {"renewal by the current", seen(hours(1)), renewal(shown("c2")), ""},
        {"renewal by the current, not seen", record(), renewal(shown("c2")), ""},
        {"renewal after a lost answer", record(), renewal(shown("c1")), ""},
        {"renewal by one whose successor is in use", seen(minutes(1)), renewal(shown("c1")),
         reasons::kKeyInTwoPlaces, Consequence::kQuarantine},
        {"renewal by an older one", record(), renewal(shown("c0")), reasons::kKeyInTwoPlaces,
         Consequence::kQuarantine},
        {"renewal by a key that is not enrolled", record(), renewal(shown("c2", kOther)),
         reasons::kSvidOtherKey},
        {"renewal for another key", record(), renewal(shown("c2"), kOther),
         reasons::kRenewalOtherKey},
        {"renewal of nobody", none, renewal(shown("c2")), reasons::kNodeUnknown},
        {"renewal of the revoked", revoked(record(), "lost"), renewal(shown("c2")),
         reasons::kNodeRevoked},
        {"renewal in quarantine", record(EnrolmentState::kQuarantined), renewal(shown("c2")),
         reasons::kNodeQuarantined},
        {"renewal when ended", record(), renewal(shown("c2", kKey, -hours(1))), ""},
        {"renewal when just not too late", record(), renewal(shown("c2", kKey, long_ago)), ""},
        {"renewal when too late", record(), renewal(shown("c2", kKey, -kRenewalGrace)),
         reasons::kRenewalTooLate},
    };
    for (const Row& row : rows)
        check(row, decide_enrolment(row.record ? &*row.record : nullptr, row.request, kNow));
}

TEST(EnrolmentDecision, WhichCertificateIsGood) {
    const auto none = std::nullopt;
    const std::vector<Row> rows{
        {"the current", seen(hours(1)), renewal(shown("c2")), ""},
        {"the current, for the first time", record(), renewal(shown("c2")), "", Consequence::kSeen},
        {"the previous, its successor unseen", record(), renewal(shown("c1")), ""},
        {"the previous, within the grace", seen(kSupersededGrace - minutes(1)),
         renewal(shown("c1")), ""},
        {"the previous, after the grace", seen(kSupersededGrace), renewal(shown("c1")),
         reasons::kSvidSuperseded},
        {"an older one", record(), renewal(shown("c0")), reasons::kKeyInTwoPlaces,
         Consequence::kQuarantine},
        {"an older one that ended", record(), renewal(shown("c0", kKey, -hours(1))),
         reasons::kSvidExpired},
        {"ended", seen(hours(1)), renewal(shown("c2", kKey, Duration(0))), reasons::kSvidExpired},
        {"of another key", seen(hours(1)), renewal(shown("c2", kOther)), reasons::kSvidOtherKey},
        {"of a key revoked before", with_revoked_key(), renewal(shown("x", kOld)),
         reasons::kNodeRevoked},
        {"of the revoked", revoked(record(), "lost"), renewal(shown("c2")), reasons::kNodeRevoked},
        {"in quarantine", record(EnrolmentState::kQuarantined), renewal(shown("c2")),
         reasons::kNodeQuarantined},
        {"of nobody", none, renewal(shown("c2")), reasons::kNodeUnknown},
    };
    for (const Row& row : rows)
        check(row, decide_use(row.record ? &*row.record : nullptr, *row.request.shown, kNow));
}

TEST(EnrolmentRecordTest, WhatACertificateReplaces) {
    const NewSvid issued{"c3", kNow + hours(24)};
    const EnrolmentRecord first = replaced(nullptr, by_token(), issued, kNow);
    EXPECT_EQ(first.current, "c3");
    EXPECT_EQ(first.previous, "");
    EXPECT_EQ(first.site, "hall");
    EXPECT_EQ(first.enrolled, kNow);

    const EnrolmentRecord before = seen(hours(1));
    const EnrolmentRecord next = replaced(&before, renewal(shown("c2")), issued, kNow);
    EXPECT_EQ(next.current, "c3");
    EXPECT_EQ(next.previous, "c2");
    EXPECT_EQ(next.site, "hall") << "renewal does not move a node";
    EXPECT_EQ(next.enrolled, before.enrolled);
    EXPECT_FALSE(next.seen);

    const EnrolmentRecord unseen = record();
    const EnrolmentRecord lost = replaced(&unseen, renewal(shown("c1")), issued, kNow);
    EXPECT_EQ(lost.current, "c3");
    EXPECT_EQ(lost.previous, "c1") << "the one that was lost on its way is forgotten";

    const EnrolmentRecord gone = revoked(before, "sold");
    const EnrolmentRecord anew = replaced(&gone, by_token(kOther), issued, kNow);
    EXPECT_EQ(anew.state, EnrolmentState::kActive);
    EXPECT_EQ(anew.previous, "");
    EXPECT_EQ(anew.key, kOther);
    EXPECT_EQ(anew.revoked_keys, std::vector<Digest>{kKey});
}

// Two holders of one key that renew in turn, in every order of ten steps: never do both go on for
// long, whoever of them is the thief.
TEST(EnrolmentRecordTest, TwoHoldersOfOneKeyAreAlwaysFound) {
    for (unsigned order = 1; order + 1 < (1u << 10); ++order) {
        EnrolmentRecord now = replaced(nullptr, by_token(), {"s0", kNow + hours(24)}, kNow);
        std::string holds[2] = {"s0", "s0"};
        int renewed[2] = {0, 0};
        bool found = false;
        Instant at = kNow;
        for (int step = 0; step < 10 && !found; ++step) {
            const unsigned who = (order >> step) & 1;
            at += hours(1);
            for (const bool renews : {true, false}) {
                const EnrolmentRequest request = renewal({holds[who], kKey, at + hours(12)});
                const EnrolmentDecision decision =
                    renews ? decide_enrolment(&now, request, at)
                           : decide_use(&now, {holds[who], kKey, at + hours(12)}, at);
                found = found || decision.consequence == Consequence::kQuarantine;
                now = after(now, decision.consequence, decision.verdict, at);
                if (!renews || !decision.verdict.ok()) continue;
                const std::string serial = fmt::format("s{}", step + 1);
                now = replaced(&now, request, {serial, at + hours(24)}, at);
                holds[who] = serial;
                ++renewed[who];
            }
        }
        EXPECT_TRUE(found || renewed[0] == 0 || renewed[1] == 0) << order;
        EXPECT_EQ(now.state == EnrolmentState::kQuarantined, found) << order;
    }
}

TEST(EnrolmentRecordTest, ComesBackFromTheStoreAndDamageIsSaid) {
    EnrolmentRecord before = revoked(seen(minutes(3)), "why \"not\"");
    const std::string text = encode(before);
    const Result<EnrolmentRecord> read = decode_enrolment(text);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(encode(*read), text);
    EXPECT_EQ(read->seen, before.seen);
    EXPECT_EQ(read->revoked_keys, before.revoked_keys);
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_EQ(decode_enrolment(text.substr(0, size)).status().code(), Code::kDataLoss);
    }
    for (const char* bad : {"null", "{}", "[]", R"({"state":"free"})"})
        EXPECT_EQ(decode_enrolment(bad).status().code(), Code::kDataLoss) << bad;
}

TEST(EnrolmentRecordTest, OnlyQuarantineIsClearedAndKeysThatWereRevokedAreBounded) {
    EXPECT_TRUE(cleared(record(EnrolmentState::kQuarantined)).ok());
    for (const EnrolmentState state : {EnrolmentState::kActive, EnrolmentState::kRevoked})
        EXPECT_EQ(cleared(record(state)).status().code(), Code::kFailedPrecondition);
    EnrolmentRecord many = record();
    for (int i = 0; i < 40; ++i) {
        many.key = crypto::sha256(as_bytes(std::to_string(i)));
        many = revoked(revoked(many, "x"), "x");
    }
    EXPECT_EQ(many.revoked_keys.size(), kMaxRevokedKeys);
    EXPECT_EQ(many.revoked_keys.back(), crypto::sha256(as_bytes("39")));
}

}  // namespace
}  // namespace hf::control
