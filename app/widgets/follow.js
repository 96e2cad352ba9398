// Asks what the class is shown, and has the page drawn anew where it is not what stands here: an answer of a few bytes, so that
// thirty students asking every second cost the server next to nothing.

const EVERY = 1000; // ms between two looks.
const PATIENCE = 6000; // ms for which a drawing that was asked for may take, before it is asked for again.

export default function ({ data, parentElement, setTriggerValue }) {
  const self = (parentElement.follower ??= { asked: 0 });
  if (self.drawn !== data.drawn) self.asked = 0;
  Object.assign(self, { drawn: data.drawn, setTriggerValue });
  if (self.timer) return undefined;
  self.timer = setInterval(() => look(self, data.address), EVERY);
  return () => {
    clearInterval(self.timer);
    self.timer = 0;
  };
}

async function look(self, address) {
  const answer = await fetch(address).catch(() => null); // The server may be away for a moment.
  if (!answer?.ok) return;
  if (!answer.headers.get("content-type").startsWith("text/plain")) {
    location.reload(); // The class is over: what answers is the door.
    return;
  }
  const shown = await answer.text();
  if (shown === self.drawn || Date.now() - self.asked < PATIENCE) return;
  self.asked = Date.now();
  self.setTriggerValue("shown", shown);
}
