// A fetch that notes what goes over the wire, for any client that takes one.

export function watchingFetch() {
  const seen = { tries: 0, statuses: [], text: '' };
  const waiting = [];
  const tell = () => {
    for (const each of waiting.filter(({ pattern }) => pattern.test(seen.text))) each.resolve();
  };
  async function watched(...request) {
    seen.tries += 1;
    const answer = await fetch(...request);
    seen.statuses.push(answer.status);
    if (!answer.body) return answer;
    const decoder = new TextDecoder();
    const note = new TransformStream({
      transform(bytes, controller) {
        seen.text += decoder.decode(bytes, { stream: true });
        tell();
        controller.enqueue(bytes);
      },
    });
    return new Response(answer.body.pipeThrough(note), answer);
  }
  /// Resolves once what came so far matches.
  watched.saw = (pattern) => new Promise((resolve) => {
    waiting.push({ pattern, resolve });
    tell();
  });
  watched.seen = seen;
  return watched;
}
