#include "models/chat_template.hpp"

namespace paddler {
namespace {

constexpr char const* opening = R"jinja({%- set instructions = '' %}
{%- set turns = messages %}
{%- if messages[0].role == 'system' or messages[0].role == 'developer' %}
    {%- set instructions = messages[0].content %}
    {%- set turns = messages[1:] %}
{%- endif %}
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if instructions %}{{- instructions + '\n' }}{%- endif %}
    {{- '<tools>\n' }}
    {%- for tool in tools %}{{- tool | tojson }}{{- '\n' }}{%- endfor %}
    {{- '</tools><|im_end|>\n' }}
{%- elif instructions %}
    {{- '<|im_start|>system\n' + instructions + '<|im_end|>\n' }}
{%- endif %}
)jinja";

// `first` is the index of the user's message at which the shown part begins.
constexpr char const* window = R"jinja({%- set shown = namespace(users=0, first=0) %}
{%- for message in turns | reverse %}
    {%- if message.role == 'user' %}
        {%- set shown.users = shown.users + 1 %}
        {%- if shown.users == LIMIT %}{%- set shown.first = loop.revindex0 %}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- set turns = turns[shown.first:] %}
)jinja";

constexpr char const* conversation = R"jinja({%- for message in turns %}
    {{- '<|im_start|>' + message.role + '\n' }}
    {%- if message.content %}{{- message.content }}{%- endif %}
    {%- if message.tool_calls %}
        {%- for call in message.tool_calls %}
            {%- set function = call.function if call.function is defined else call %}
            {%- if message.content or not loop.first %}{{- '\n' }}{%- endif %}
            {{- '<tool_call>\n{"name": "' + function.name + '", "arguments": ' }}
            {{- function.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
)jinja";

constexpr char const* prompt =
    R"jinja({%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %})jinja";

constexpr char const* prompt_with_marker = R"jinja({%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if turns and turns[-1].role == 'tool' %}{{- 'MARKER' }}{%- endif %}
{%- endif %})jinja";

std::string replaced(std::string text, std::string const& word, std::string const& by) {
  return text.replace(text.find(word), word.size(), by);
}

} // namespace

std::string chat_template() { return std::string(opening) + conversation + prompt; }

std::string chat_template_marking_results(std::string const& marker) {
  return std::string(opening) + conversation + replaced(prompt_with_marker, "MARKER", marker);
}

std::string chat_template_of_last(int turns) {
  return opening + replaced(window, "LIMIT", std::to_string(turns)) + conversation + prompt;
}

} // namespace paddler
