// Malformed HTTP at both ports, and bad bodies at the inference API: each is answered with words, and harms nobody.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

namespace paddler_test {
namespace {

// A request whose first line and headers are given; Host comes with it.
std::string request(std::string const& line, std::string const& headers = "", std::string const& body = "") {
  return line + "\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

std::string many_headers(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "X-" + std::to_string(i) + ": y\r\n";
  return out;
}

std::vector<bad_input> malformed_heads() {
  return {
      {"bare line feeds", "GET /healthz HTTP/1.1\nHost: localhost\n\n", 400, {"line", "CR LF"}},
      {"no version", "GET /healthz\r\n\r\n", 400, {}},
      {"a version of the future", request("GET /healthz HTTP/3.0"), 400, {"version"}},
      {"a method that is no token", request("G(T /healthz HTTP/1.1"), 400, {"method"}},
      {"no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400, {"Host", "missing"}},
      {"two Hosts", request("GET /healthz HTTP/1.1", "Host: localhost\r\n"), 400, {"Host", "once"}},
      {"a folded header", request("GET /healthz HTTP/1.1", "A: b\r\n c\r\n"), 400, {"folded"}},
      {"a space before the colon", request("GET /healthz HTTP/1.1", "A : b\r\n"), 400, {"header name"}},
      {"a header without a name", request("GET /healthz HTTP/1.1", ": b\r\n"), 400, {"header"}},
      {"a zero byte in a header", request("GET /healthz HTTP/1.1", std::string("A: b\0c\r\n", 8)), 400, {"header"}},
      {"a TLS greeting", std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8), 400, {"without TLS", "http://"}},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, {"HTTP/1.1"}},
      {"dot segments", request("GET /healthz/../management HTTP/1.1"), 400, {"dot segments"}},
      {"a broken escape", request("GET /v1/models/%zz HTTP/1.1"), 400, {"escapes"}},
      {"a target that is no path", request("GET healthz HTTP/1.1"), 400, {"target"}},
      {"another host's target", request("GET http://other/healthz HTTP/1.1"), 400, {"host"}},
      {"a long request line", request("GET /" + std::string(9000, 'a') + " HTTP/1.1"), 414, {"request line"}},
      {"a head of 40 KB", request("GET /healthz HTTP/1.1", "A: " + std::string(40'000, 'b') + "\r\n"), 431, {"large"}},
      {"200 headers", request("GET /healthz HTTP/1.1", many_headers(200)), 431, {"too many"}},
      {"an unknown expectation", request("GET /healthz HTTP/1.1", "Expect: miracles\r\n"), 417, {"100-continue"}},
      {"a foreign Host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421, {"Host"}},
      {"an unknown path", request("GET /v1/modells HTTP/1.1"), 404, {"/v1/modells"}},
      {"an unknown method", request("BREW /healthz HTTP/1.1"), 405, {"Allow:", "GET"}},
  };
}

// Framing tricks; the body is what a second reader could take for a second request.
std::vector<bad_input> malformed_bodies(std::string const& line) {
  std::string const hidden = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
  return {
      {"two lengths",
       request(line, "Content-Length: 2\r\nContent-Length: 40\r\n", "{}" + hidden),
       400,
       {"Content-Length"}},
      {"a length that is no number", request(line, "Content-Length: 2x\r\n", "{}"), 400, {"Content-Length"}},
      {"a negative length", request(line, "Content-Length: -2\r\n", "{}"), 400, {"Content-Length"}},
      {"a length and chunks",
       request(line, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
       400,
       {"Transfer-Encoding"}},
      {"chunks twice",
       request(line, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       400,
       {"Transfer-Encoding"}},
      {"another coding", request(line, "Transfer-Encoding: gzip\r\n", "x"), 501, {"chunked"}},
      {"a chunk size that is no number",
       request(line, "Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
       400,
       {"chunk"}},
      {"a chunk that does not end",
       request(line, "Transfer-Encoding: chunked\r\n", "2\r\n{}xx0\r\n\r\n"),
       400,
       {"chunk"}},
      {"a chunk size beyond all numbers",
       request(line, "Transfer-Encoding: chunked\r\n", "10000000000000000\r\n{}"),
       400,
       {}},
      {"a body of a gigabyte", request(line, "Content-Length: 1000000000\r\n"), 413, {"too large"}},
  };
}

SYSTEM_TEST(doors, malformed_http, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  auto const& api = cluster.api();
  for (auto const& address : {api.inference(), api.management()}) {
    SCOPED_TRACE(address == api.inference() ? "inference" : "management");
    co_await send_bad_bytes(address, malformed_heads());
  }
  co_await send_bad_bytes(api.inference(), malformed_bodies("POST /v1/chat/completions HTTP/1.1"));
  co_await send_bad_bytes(api.management(), malformed_bodies("PUT /management/v1/desired HTTP/1.1"));
  co_await expect_unharmed(api, before, 1);
}

SYSTEM_TEST(doors, SEC_06_pages_of_other_origins, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto const before = co_await cluster.api().desired();
  for (auto const* origin : {"http://evil.example", "null", "http://localhost.evil.example"}) {
    SCOPED_TRACE(origin);
    http_headers headers;
    headers.emplace_back("Origin", origin);
    headers.emplace_back("Content-Type", "text/plain");
    auto const put = co_await ask(cluster.api().management(), "PUT", "/management/v1/desired", headers, "agents: []\n");
    EXPECT_EQ(put.status, 403) << put.body;
    expect_words(put.body, {"origin"});
    auto const posted = co_await ask(cluster.api().inference(), "POST", "/v1/chat/completions", headers, "{}");
    EXPECT_EQ(posted.status, 403) << posted.body;
    headers.emplace_back("Connection", "Upgrade");
    headers.emplace_back("Upgrade", "websocket");
    auto const link = co_await ask(cluster.api().management(), "GET", "/management/v1/agents/a1/link", headers);
    EXPECT_EQ(link.status, 403) << link.body;
  }
  co_await expect_unharmed(cluster.api(), before, 0);
}

task<int> status_for(std::string address, std::string host) {
  auto line = co_await connection::open(std::move(address));
  co_await line.send("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  auto const answer = co_await line.read_answer();
  co_return answer.status;
}

// On loopback other addresses and names are foreign (malformed_heads()). A balancer that other machines reach is called
// by any of its addresses; by a name only where it was told.
SYSTEM_TEST(doors, SEC_07_a_balancer_goes_by_its_addresses_and_its_names, local_cluster) {
  constexpr int misdirected = 421;
  cluster.config.inference_address = "0.0.0.0:0";
  cluster.config.management_address = "0.0.0.0:0";
  cluster.config.host_names = {"balancer.test"};
  co_await cluster.start(want_agents(1, 1));
  for (auto const& address : {cluster.api().inference(), cluster.api().management()}) {
    for (char const* own : {"192.0.2.7", "192.0.2.7:8061", "[2001:db8::7]:8061", "127.0.0.1", "balancer.test:8061"})
      EXPECT_EQ(co_await status_for(address, own), 200) << own;
    for (char const* foreign : {"evil.example", "balancer.test.evil.example:8061"})
      EXPECT_EQ(co_await status_for(address, foreign), misdirected) << foreign;
  }
}

std::vector<bad_input> bad_questions() {
  std::string const deep(2000, '[');
  return {
      {"nothing", "", 400, {"empty"}},
      {"half a document", R"({"model":"sim","mess)", 400, {"JSON"}},
      {"a list", "[]", 400, {"object"}},
      {"a word", "hello", 400, {"JSON"}},
      {"two documents", R"({"model":"sim"} {"model":"sim"})", 400, {"JSON"}},
      {"a trailing comma", R"({"model":"sim",})", 400, {"JSON"}},
      {"bad UTF-8", "{\"model\":\"s\xff\"}", 400, {}},
      {"nested two thousand deep", R"({"model":"sim","messages":)" + deep, 400, {}},
      {"a model that is a number", R"({"model":3,"messages":[]})", 400, {"model"}},
      {"a model that is too much", R"({"model":")" + std::string(100'000, 'm') + R"(","messages":[]})", 400, {"model"}},
      {"stream that is a word", R"({"model":"sim","stream":"yes","messages":[]})", 400, {"stream"}},
      {"an unknown model", R"({"model":"sum","messages":[]})", 404, {"sum", "did you mean", "sim"}},
      {"no messages", R"({"model":"sim"})", 400, {"messages"}},
      {"messages that are a word", R"({"model":"sim","messages":"hi"})", 400, {"messages"}},
  };
}

SYSTEM_TEST(doors, bad_questions, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  http_headers headers;
  headers.emplace_back("Content-Type", "application/json");
  co_await send_bad_bodies(cluster.api().inference(), "POST", "/v1/chat/completions", headers, bad_questions());
  co_await expect_unharmed(cluster.api(), before, 1);
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string out;
  out.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

constexpr std::size_t a_million = 1'000'000;

// Small for who sends them, and meant to be large for who reads them. Their balancer has a limit of 16 MiB for each.
std::vector<bad_input> bombs_of_questions() {
  std::string const begin = R"({"model":"sim","messages":)";
  return {
      {"a million lists in each other", begin + repeated("[", a_million), 400, {"deep"}},
      {"a million objects in each other", begin + repeated(R"({"a":)", a_million), 400, {"deep"}},
      {"a million fields of one name", "{" + repeated(R"("model":"sim",)", a_million) + "\"n\":1}", 400, {"twice"}},
      {"a name of a million bytes", R"({"model":")" + repeated("m", a_million) + "\"}", 400, {"model", "longer"}},
      {"a number of a million digits", R"({"model":"sim","n":)" + repeated("9", a_million) + "}", 400, {"n"}},
      {"an exponent beyond all", R"({"model":"sim","n":1e999999999999})", 400, {}},
      {"a million escapes of half a letter", begin + "\"" + repeated("\\ud800", a_million) + "\"}", 400, {"JSON"}},
      {"text of 17 megabytes", begin + "\"" + repeated("x", 17 * a_million) + "\"}", 413, {"large"}},
  };
}

std::string yaml_of_many_laughs() {
  std::string out = "a0: &a0 [ha, ha]\n";
  for (int i = 1; i < 30; ++i) {
    auto const before = "*a" + std::to_string(i - 1);
    out += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  return out;
}

std::vector<bad_input> bombs_of_documents() {
  return {
      {"a million lists in each other", repeated("[", a_million), 422, {}},
      {"a million objects in each other", repeated("{a: ", a_million), 422, {}},
      {"two to the power of thirty laughs", yaml_of_many_laughs(), 422, {"anchor"}},
      {"a million indented lines", repeated("- ", a_million), 413, {}},
      {"two hundred thousand unknown fields", "{" + repeated("a: 1, ", 200'000) + "}", 413, {}},
      {"text of 17 megabytes", "agents: \"" + repeated("x", 17 * a_million) + "\"", 413, {"large"}},
  };
}

SYSTEM_TEST(doors, OVR_08_bombs, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  auto const& api = cluster.api();
  http_headers as_json;
  as_json.emplace_back("Content-Type", "application/json");
  co_await send_bad_bodies(api.inference(), "POST", "/v1/chat/completions", as_json, bombs_of_questions());
  http_headers as_yaml;
  as_yaml.emplace_back("Content-Type", "application/yaml");
  co_await send_bad_bodies(api.management(), "PUT", "/management/v1/desired", as_yaml, bombs_of_documents());
  co_await expect_unharmed(api, before, 1);
}

// Every dialect says it in its own shape.
SYSTEM_TEST(doors, errors_have_the_shape_of_their_api, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  for (auto const* path : {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"}) {
    auto const answer = co_await ask(cluster.api().inference(), "POST", path, {}, R"({"model":"nobody"})");
    EXPECT_EQ(answer.status, 404) << path;
    expect_words(answer.body, {R"({"error":{"message":)", R"("code":"model_not_found")", R"("param":"model")"});
    EXPECT_EQ(answer.header("x-should-retry"), "false") << path;
  }
  auto const anthropic = co_await ask(cluster.api().inference(), "POST", "/v1/messages", {}, R"({"model":"nobody"})");
  EXPECT_EQ(anthropic.status, 404);
  expect_words(anthropic.body, {R"({"type":"error","error":{"type":"not_found_error")"});
}

// Slow on purpose: a head that never ends is given up.
SYSTEM_TEST(doors, OVR_02_a_request_may_come_one_byte_at_a_time, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const body = chat_body(unstreamed(question("slowly", 4)));
  auto const bytes =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  auto line = co_await connection::open(cluster.api().inference());
  for (char const byte : bytes) co_await line.send(std::string(1, byte));
  auto const answer = co_await line.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(content_of(answer), chain_of(question("slowly", 4)));
}

} // namespace
} // namespace paddler_test
