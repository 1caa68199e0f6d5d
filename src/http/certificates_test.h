// Certificates for this module's tests: valid, expired, of another authority. Used by tests only.

#pragma once

#include <string>

namespace hf::http {

struct TestCertificate {
    std::string certificate_pem;
    std::string key_pem;
};

struct TestSubject {
    std::string common_name = "test";
    std::string alternatives = "DNS:localhost,IP:127.0.0.1,IP:::1";
    std::string usage = "serverAuth,clientAuth";
    long starts_in_s = -3600;
    long ends_in_s = 3600;
    bool authority = false;  // with an issuer: may sign too
};

// Self-signed, and good as an authority, when `issuer` is null.
TestCertificate make_certificate(const TestSubject& subject, const TestCertificate* issuer);

}  // namespace hf::http
