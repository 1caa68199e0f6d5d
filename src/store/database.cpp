#include "store/database.h"

#include <sqlite3.h>

#include <cerrno>

#include "store/transaction.h"

namespace hf::store {
namespace {

Status disk_is_full(const std::string& text) {
    return resource_exhausted("{}the disk is full; free some space ({})", kNoRoom, text);
}

Status status_of(sqlite3* connection, int code) {
    const std::string text = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
    // A file that cannot be made or synced for want of room: the operating system says so.
    const bool is_file_error = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_IOERR;
    const int error = connection && is_file_error ? sqlite3_system_errno(connection) : 0;
    if (error == ENOSPC || error == EDQUOT) {
        return disk_is_full(text);
    }
    switch (code & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return unavailable(
                "another process has the database open; stop it or use another folder ({})", text);
        case SQLITE_FULL: return disk_is_full(text);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return data_loss("the database is damaged; restore it from a copy ({})", text);
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
            return permission_denied("the database cannot be opened for writing ({})", text);
        case SQLITE_IOERR: return unavailable("the disk does not answer as it should ({})", text);
        default: return internal_error("SQLite: {} (code {})", text, code);
    }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Statement& Statement::bind(int index, std::int64_t value) {
    const int code = sqlite3_bind_int64(statement_.get(), index, value);
    HF_CHECK(code == SQLITE_OK, "bind {}: {}", index, code);
    return *this;
}

Statement& Statement::bind(int index, std::string_view bytes) {
    // A null pointer would bind NULL, which compares with nothing.
    const char* data = bytes.data() ? bytes.data() : "";
    const int code = sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), nullptr);
    HF_CHECK(code == SQLITE_OK, "bind {}: {}", index, code);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        reset();
        return false;
    }
    Status status = status_of(sqlite3_db_handle(statement_.get()), code);
    reset();
    return status;
}

Status Statement::run() {
    while (HF_TRY(step())) {
    }
    return {};
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : "";
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

void Database::Close::operator()(sqlite3* connection) const {
    sqlite3_close_v2(connection);
}

Result<Database> Database::open(const std::string& path) {
    sqlite3* connection = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
    const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
    Database database;
    database.connection_.reset(connection);
    if (code != SQLITE_OK) return status_of(connection, code);
    return database;
}

Status Database::execute(const char* sql) {
    const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? Status() : status_of(connection_.get(), code);
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) return status_of(connection_.get(), code);
    Statement statement;
    statement.statement_.reset(raw);
    return statement;
}

}  // namespace hf::store
