// DUR-08: whatever became of the file, the balancer starts with all of its state or not at all, and what is there stays
// as it is.
#include "store/end_marker.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_file.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace paddler {
namespace {

constexpr std::size_t page = 4096;

// A database with three records, closed in good order.
std::string sound_database() {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  auto const store = make_sqlite_store(path);
  EXPECT_TRUE(store->blocking_open());
  EXPECT_TRUE(store->blocking_append(sample_records(3)));
  store->blocking_close();
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  return read_bytes(path);
}

using mutation = std::function<void(std::string&)>;

struct damage {
  std::string name;
  mutation apply;
};

mutation flip(std::size_t at) {
  return
      [at](std::string& bytes) { bytes.at(at) = static_cast<char>(static_cast<unsigned char>(bytes.at(at)) ^ 0x04U); };
}

mutation cut_to(std::size_t size) {
  return [size](std::string& bytes) { bytes.resize(size); };
}

mutation zero(std::size_t from, std::size_t count) {
  return [=](std::string& bytes) { bytes.replace(from, count, std::string(count, '\0')); };
}

// Changes the last letter of the first `word` in the file.
mutation change_word(std::string word) {
  return [word](std::string& bytes) {
    auto const at = bytes.find(word);
    ASSERT_NE(at, std::string::npos) << word;
    bytes[at + word.size() - 1] = '~';
  };
}

std::vector<damage> damages() {
  return {
      {"empty", cut_to(0)},
      {"one byte", cut_to(1)},
      {"half a header", cut_to(50)},
      {"a header only", cut_to(100)},
      {"half a page", cut_to(page / 2)},
      {"one page", cut_to(page)},
      {"two pages", cut_to(2 * page)},
      {"a byte short", [](std::string& bytes) { bytes.pop_back(); }},
      {"the last page gone", [](std::string& bytes) { bytes.resize(bytes.size() - page); }},
      {"longer", [](std::string& bytes) { bytes += std::string(page, 'x'); }},
      {"all zeros", [](std::string& bytes) { bytes.assign(bytes.size(), '\0'); }},
      {"another file", [](std::string& bytes) { bytes = "agents: []\n" + std::string(page, ' '); }},
      {"magic", flip(0)},
      {"end of magic", flip(15)},
      {"page size", flip(16)},
      {"write version", flip(18)},
      {"read version", flip(19)},
      {"reserved bytes", flip(20)},
      {"payload fraction", flip(21)},
      {"change counter", flip(24)},
      {"size in pages", flip(31)},
      {"first free page", flip(35)},
      {"free pages", flip(39)},
      {"schema cookie", flip(43)},
      {"schema format", flip(47)},
      {"largest root", flip(55)},
      {"encoding", flip(59)},
      {"newer version", flip(63)},
      {"no version", zero(60, 4)},
      {"application", flip(68)},
      {"kind of the first page", flip(100)},
      {"cells of the first page", flip(104)},
      {"a pointer of the first page", flip(108)},
      {"the log's kind of page", flip(page)},
      {"the log's number of cells", flip(page + 4)},
      {"the log's pointers", flip(page + 8)},
      {"the log zeroed", zero(page, page)},
      {"the end zeroed", zero(2 * page, page)},
      {"half of the log zeroed", zero(page + page / 2, page / 2)},
      {"pages swapped",
       [](std::string& bytes) {
         std::rotate(bytes.begin() + page, bytes.begin() + 2 * page, bytes.begin() + 3 * page);
       }},
      {"a table's name", change_word("TABLE event_log")},
      {"a column's name", change_word("source_kin")},
      {"the strictness", change_word("STRICT")},
      {"a document", change_word("agent-2")},
      {"a template", change_word("messages")},
      {"an actor", change_word("anonymous")},
      {"an origin", change_word("127.0.0.1:4711")},
      {"a source", change_word("desired\".yam")},
      {"a time", change_word("2023-11-14T22:13:20.00000000")},
      {"the end's last byte", flip(3 * page - 1)},
      {"the identity", flip(4 * page - 1)},
      {"the identity zeroed", zero(3 * page, page)},
      {"the epoch", flip(5 * page - 33)},
      {"the epoch zeroed", zero(4 * page, page)},
  };
}

std::string outcome_of(std::string const& path) {
  auto const state = make_sqlite_store(path)->blocking_open();
  if (!state) return describe(state.error());
  if (state->leader.value != 2) return "wrong epoch";
  return state->log == sample_records(3) ? "whole" : std::to_string(state->log.size()) + " wrong records";
}

TEST(SqliteDamage, DUR_08_AllOfTheStateOrAClearRefusal) {
  std::string const sound = sound_database();
  ASSERT_EQ(sound.size(), 19 * page);
  int refused = 0;
  for (auto const& [name, apply] : damages()) {
    temporary_folder const folder;
    auto const path = folder.file("state.db");
    std::string bytes = sound;
    apply(bytes);
    ASSERT_NE(bytes, sound) << name;
    write_bytes(path, bytes);
    std::string const outcome = outcome_of(path);
    if (outcome == "whole") continue;
    ++refused;
    EXPECT_NE(outcome.find("restore"), std::string::npos) << name << ": " << outcome;
    EXPECT_NE(outcome.find(path), std::string::npos) << name << ": " << outcome;
    EXPECT_EQ(outcome.find("wrong"), std::string::npos) << name << ": " << outcome;
    EXPECT_EQ(read_bytes(path), bytes) << name << ": the file was touched";
  }
  EXPECT_GE(refused, 40);
}

TEST(SqliteDamage, DUR_08_NoFlippedBitGoesUnnoticed) {
  std::string const sound = sound_database();
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  for (std::size_t at = 0; at < sound.size(); at += 67) {
    std::string bytes = sound;
    flip(at)(bytes);
    write_bytes(path, bytes);
    std::string const outcome = outcome_of(path);
    EXPECT_TRUE(outcome == "whole" || outcome.find("restore") != std::string::npos) << at << ": " << outcome;
    for (auto const* rest : {"", "-wal", "-shm"}) std::filesystem::remove(path + rest);
  }
}

TEST(SqliteDamage, DUR_08_TheWordsSayWhatIsWrong) {
  std::string const sound = sound_database();

  struct row {
    mutation apply;
    std::string wanted;
  };

  for (auto const& [apply, wanted] : {
           row{cut_to(0), "is empty: it was cut off"},
           row{cut_to(50), "is not a database"},
           row{flip(68), "is another program's database"},
           row{[](std::string& bytes) { bytes[63] = 9; },
               "was written by a newer paddler (schema 9, this one knows 3)\nrun the newer paddler"},
           row{cut_to(2 * page), "damaged"},
           row{change_word("agent-2"), "the event log is damaged: revision 2 was changed after it was written"},
       }) {
    temporary_folder const folder;
    auto const path = folder.file("state.db");
    std::string bytes = sound;
    apply(bytes);
    write_bytes(path, bytes);
    std::string const outcome = outcome_of(path);
    EXPECT_NE(outcome.find(wanted), std::string::npos) << outcome << "\n wanted: " << wanted;
  }
}

// Changes by hand, through SQL, which leave a sound file behind.
TEST(SqliteDamage, DUR_08_TheLogTellsWhatWasDoneToIt) {
  struct row {
    std::string sql;
    std::string wanted;
  };

  for (auto const& [sql, wanted] : {
           row{"DELETE FROM event_log WHERE revision = 1", "it has a gap: revision 1 is missing before 2"},
           row{"DELETE FROM event_log WHERE revision = 2", "it has a gap: revision 2 is missing before 3"},
           row{"DELETE FROM event_log WHERE revision = 3", "it does not end at revision 3"},
           row{"DELETE FROM event_log", "it does not end at revision 3"},
           row{"DELETE FROM event_log_end", "its end is missing"},
           row{"UPDATE event_log SET actor = 'x' WHERE revision = 3", "revision 3 was changed"},
           row{"UPDATE identity SET id = x'00'", "revision 1 was changed"},
           row{"UPDATE event_log SET revision = -1 WHERE revision = 1", "it has a gap"},
           row{"PRAGMA user_version = 4", "written by a newer paddler"},
           row{"DROP TABLE event_log", "no such table"},
           row{"DELETE FROM leadership", "its epoch is missing"},
           row{"UPDATE leadership SET epoch = 7", "its epoch was changed"},
       }) {
    temporary_folder const folder;
    auto const path = folder.file("state.db");
    write_bytes(path, sound_database());
    auto const changed = sqlite_database::blocking_open(path)->execute(sql);
    ASSERT_TRUE(changed) << describe(changed.error());
    std::string const outcome = outcome_of(path);
    EXPECT_NE(outcome.find(wanted), std::string::npos) << sql << ": " << outcome;
  }
}

TEST(SqliteDamage, DUR_08_RefusesWhatIsNoFileOfOurs) {
  temporary_folder const folder;
  std::filesystem::create_directory(folder.file("folder"));
  EXPECT_NE(outcome_of(folder.file("folder")).find("is not a regular file"), std::string::npos);

  write_bytes(folder.file("lost.db-wal"), "x");
  EXPECT_NE(outcome_of(folder.file("lost.db")).find("is missing, but"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.file("lost.db")));

  EXPECT_NE(outcome_of(folder.file("no/such/folder/state.db")).find("check that the folder exists"), std::string::npos);
}

// --- beside a rollback journal, which SQLite would undo the file with ---

struct journalled_file {
  std::string main;
  std::string journal;
};

// Another program's database, as a crash in the middle of a change leaves it.
journalled_file other_database() {
  temporary_folder const folder;
  auto const path = folder.file("other.db");
  write_bytes(path, {});
  auto db = sqlite_database::blocking_open(path);
  EXPECT_TRUE(db->execute("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000)); PRAGMA cache_size = 1; BEGIN"));
  EXPECT_TRUE(db->execute("UPDATE t SET x = randomblob(100000)"));
  journalled_file const found{read_bytes(path), read_bytes(path + "-journal")};
  EXPECT_TRUE(db->execute("ROLLBACK"));
  EXPECT_NE(read_bytes(path), found.main) << "it was in the middle";
  return found;
}

TEST(SqliteDamage, DUR_08_AFileOfAnotherProgramBesideAJournalIsLeftAlone) {
  auto const other = other_database();
  std::string const words = "agents: []\n" + std::string(page, ' ');
  auto const cut = other.journal.substr(0, 30);
  for (auto const& [main, journal] : {
           other,
           journalled_file{other.main, "x"},
           journalled_file{other.main, cut},
           journalled_file{words, other.journal},
           journalled_file{words, std::string(2 * page, 'x')},
           journalled_file{words, std::string(2 * page, '\0')},
       }) {
    temporary_folder const folder;
    auto const path = folder.file("state.db");
    write_bytes(path, main);
    write_bytes(path + "-journal", journal);
    std::string const outcome = outcome_of(path);
    EXPECT_NE(outcome.find("another program's"), std::string::npos) << outcome;
    EXPECT_TRUE(read_bytes(path) == main) << "the file was touched";
    EXPECT_TRUE(read_bytes(path + "-journal") == journal) << "the journal was touched";
  }
}

// --- as a crash leaves it: the last change in the write-ahead log only ---

struct crash_image {
  std::string main;
  std::string log;
};

// With the marker of what was acknowledged.
struct acknowledged_image {
  crash_image files;
  std::string marker;
};

// A reader keeps the store from emptying its write-ahead log, as a crash between commit and checkpoint would.
acknowledged_image acknowledged_in_the_log_only() {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  auto const store = make_sqlite_store(path);
  EXPECT_TRUE(store->blocking_open());
  EXPECT_TRUE(store->blocking_append(sample_records(2)));
  auto reader = sqlite_database::blocking_open(path);
  EXPECT_TRUE(reader->execute("BEGIN"));
  EXPECT_EQ(reader->ask_integer("SELECT count(*) FROM event_log").value(), 2);
  EXPECT_TRUE(store->blocking_append(sample_records(1, 3)));
  return {{read_bytes(path), read_bytes(path + "-wal")}, read_bytes(end_marker::path_beside(path))};
}

crash_image image_with_log() { return acknowledged_in_the_log_only().files; }

std::string outcome_of(crash_image const& image, std::string const& shared_memory = {}) {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  write_bytes(path, image.main);
  write_bytes(path + "-wal", image.log);
  if (!shared_memory.empty()) write_bytes(path + "-shm", shared_memory);
  auto const state = make_sqlite_store(path)->blocking_open();
  if (!state) return "refused";
  auto const count = state->log.size();
  return state->log == sample_records(count) ? std::to_string(count) + " records" : "wrong records";
}

TEST(SqliteDamage, DUR_08_ACrashCostsNothingThatWasAcknowledged) {
  auto const image = image_with_log();
  ASSERT_GT(image.log.size(), page);
  EXPECT_EQ(outcome_of(image), "3 records");
  EXPECT_EQ(outcome_of(image, std::string(32768, 'x')), "3 records");
}

// What a power cut does to the last change looks the same as damage to it, so that one may go, whole; but none before
// it. This is before it was marked, and acknowledged: of those below none goes without a word.
TEST(SqliteDamage, DUR_08_ADamagedWriteAheadLogTakesNothingElseAlong) {
  auto const image = image_with_log();
  for (std::size_t at = 0; at < image.log.size(); at += 61) {
    crash_image damaged = image;
    flip(at)(damaged.log);
    auto const outcome = outcome_of(damaged);
    EXPECT_TRUE(outcome == "3 records" || outcome == "2 records" || outcome == "refused") << at << ": " << outcome;
  }
  for (std::size_t size = 0; size < image.log.size(); size += 509) {
    auto const outcome = outcome_of(crash_image{image.main, image.log.substr(0, size)});
    EXPECT_TRUE(outcome == "3 records" || outcome == "2 records") << size << ": " << outcome;
  }
}

TEST(SqliteDamage, DUR_08_TheLogOfAnotherDatabaseIsNotTaken) {
  auto const ours = image_with_log();
  auto const other = image_with_log();
  EXPECT_EQ(outcome_of(crash_image{ours.main, other.log}), "refused");
}

// --- the end marker ---

// "N records", or the words of the refusal. The files are left as they were where it refuses.
std::string outcome_of(acknowledged_image const& image) {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  write_bytes(path, image.files.main);
  if (!image.files.log.empty()) write_bytes(path + "-wal", image.files.log);
  if (!image.marker.empty()) write_bytes(end_marker::path_beside(path), image.marker);
  auto const state = make_sqlite_store(path)->blocking_open();
  if (state) return std::to_string(state->log.size()) + " records";
  EXPECT_EQ(read_bytes(path), image.files.main);
  EXPECT_EQ(read_bytes(end_marker::path_beside(path)), image.marker);
  return describe(state.error());
}

TEST(SqliteDamage, DUR_08_AnAcknowledgedChangeIsThereOrItsLossIsFoundOut) {
  auto const image = acknowledged_in_the_log_only();
  ASSERT_EQ(outcome_of(image), "3 records");
  std::size_t refused = 0;
  auto const judge = [&](acknowledged_image const& damaged, std::size_t at) {
    auto const outcome = outcome_of(damaged);
    if (outcome == "3 records") return;
    ++refused;
    EXPECT_NE(outcome.find("restore"), std::string::npos) << at << ": " << outcome;
  };
  for (std::size_t at = 0; at < image.files.log.size(); at += 61) {
    auto damaged = image;
    flip(at)(damaged.files.log);
    judge(damaged, at);
  }
  for (std::size_t size = 0; size < image.files.log.size(); size += 509) {
    auto damaged = image;
    damaged.files.log.resize(size);
    judge(damaged, size);
  }
  EXPECT_GT(refused, 100U) << "without the marker these were two records, without a word";
}

TEST(SqliteDamage, DUR_08_TheMarkerSaysWhatIsMissing) {
  auto image = acknowledged_in_the_log_only();
  image.files.log.clear();
  auto const said = outcome_of(image);
  EXPECT_NE(said.find("it ends at revision 2, and revision 3 was acknowledged"), std::string::npos) << said;
  EXPECT_NE(said.find("move "), std::string::npos) << said;
  image.marker.clear();
  EXPECT_EQ(outcome_of(image), "2 records") << "whoever moves it away goes on with what there is";
}

// Two slots are written in turn: one of them may be damaged.
TEST(SqliteDamage, DUR_08_ADamagedMarkerIsFoundOut) {
  auto const image = acknowledged_in_the_log_only();
  ASSERT_EQ(image.marker.size(), 2 * page);
  auto newest = image;
  auto older = image;
  auto both = image;
  // Slots of revisions 2 and 3, in the order in which they were written after the first at revision 0.
  flip(40)(newest.marker);
  flip(page + 40)(older.marker);
  both.marker = std::string(2 * page, '\0');
  EXPECT_EQ(outcome_of(newest), "3 records");
  EXPECT_EQ(outcome_of(older), "3 records");
  for (auto const& damaged : {both.marker, std::string("x"), image.marker.substr(0, 20)}) {
    auto cut = image;
    cut.marker = damaged;
    EXPECT_NE(outcome_of(cut).find("end marker"), std::string::npos) << damaged.size();
  }
}

TEST(SqliteDamage, DUR_08_TheMarkerOfAnotherDatabaseIsNotTaken) {
  auto image = acknowledged_in_the_log_only();
  image.marker = acknowledged_in_the_log_only().marker;
  auto const said = outcome_of(image);
  EXPECT_NE(said.find("belongs to another database"), std::string::npos) << said;
}

// A backup that is put in the place of the database is older than what was acknowledged there.
TEST(SqliteDamage, DUR_08_AnOlderCopyOfTheDatabaseIsNotTakenForTheNewest) {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  auto const store = make_sqlite_store(path);
  ASSERT_TRUE(store->blocking_open());
  ASSERT_TRUE(store->blocking_append(sample_records(2)));
  store->blocking_close();
  auto const backup = read_bytes(path);
  ASSERT_TRUE(store->blocking_open());
  ASSERT_TRUE(store->blocking_append(sample_records(1, 3)));
  store->blocking_close();
  write_bytes(path, backup);
  auto const older = store->blocking_open();
  ASSERT_FALSE(older);
  EXPECT_NE(older.error().message.find("revision 3 was acknowledged"), std::string::npos) << older.error().message;
  std::filesystem::remove(end_marker::path_beside(path));
  EXPECT_EQ(store->blocking_open()->log.size(), 2U);
}

TEST(SqliteDamage, AMarkerThatIsBehindIsBroughtUpToDate) {
  temporary_folder const folder;
  auto const path = folder.file("state.db");
  auto const store = make_sqlite_store(path);
  ASSERT_TRUE(store->blocking_open());
  ASSERT_TRUE(store->blocking_append(sample_records(1)));
  auto const behind = read_bytes(end_marker::path_beside(path));
  ASSERT_TRUE(store->blocking_append(sample_records(2, 2)));
  store->blocking_close();
  write_bytes(end_marker::path_beside(path), behind);
  EXPECT_EQ(store->blocking_open()->log.size(), 3U) << "as after a crash between the change and its marker";
  store->blocking_close();
  EXPECT_NE(read_bytes(end_marker::path_beside(path)), behind);
  std::filesystem::remove(path);
  EXPECT_EQ(store->blocking_open()->log.size(), 0U) << "a new database does not answer for the one before it";
  store->blocking_close();
  EXPECT_EQ(store->blocking_open()->log.size(), 0U);
}

} // namespace
} // namespace paddler
