// Where an arm trains: in a worker of its own, or, where workers are refused, in slices on the page.
//
// An arm is made by a function make(say) that stands for itself, as the engine's do. It returns
// {hear(message), work(milliseconds)}: work goes on for about that long and tells whether there is more.

/** Let an arm work in slices, and hear in between. `later(f)` calls f when messages have been heard. */
function drive(make, say, milliseconds, later) {
  const arm = make(say);
  let waiting = false;
  function turn() {
    waiting = false;
    if (arm.work(milliseconds)) again();
  }
  function again() {
    if (!waiting) later(turn);
    waiting = true;
  }
  return (message) => {
    arm.hear(message);
    again();
  };
}

/** The last line of a worker's source: make the arm, and let it hear what the page sends. */
function driveWorker(make) {
  const { port1, port2 } = new MessageChannel(); // a turn for messages, without a timer's 4 ms
  let turn;
  port2.onmessage = () => turn();
  const later = (f) => {
    turn = f;
    port1.postMessage(0);
  };
  const hear = drive(make, (message) => postMessage(message), 40, later);
  onmessage = ({ data }) => hear(data);
  postMessage({ here: true });
}

const addresses = new Map(); // make → where its worker's source lies; one for all arms of a page
/** A worker from the sources of functions that call one another by name. */
function spawn(parts, make) {
  if (!addresses.has(make)) {
    const source = [...parts, drive, driveWorker, make].map(String).join("\n");
    const blob = new Blob([`${source}\ndriveWorker(${make.name});`], { type: "text/javascript" });
    addresses.set(make, URL.createObjectURL(blob));
  }
  return new Worker(addresses.get(make));
}

/**
 * Start an arm. `parts` are the functions that it needs, `make` makes it, `plan` is its first message,
 * hear(message) what it says, {onPage} among it where no worker starts. Returns {tell(message), stop()}.
 */
export function startArm(parts, make, plan, hear) {
  let worker = null, here = null, stopped = false, started = false;
  const said = [plan]; // what a worker that never answers has not heard
  const say = (message) => stopped || hear(message);
  function onPage() {
    worker?.terminate();
    worker = null;
    here = drive(make, say, 6, (f) => setTimeout(() => stopped || f()));
    said.forEach(here);
    say({ onPage: true });
  }
  try {
    worker = spawn(parts, make);
    worker.onmessage = ({ data }) => {
      started = true;
      if (!data.here) say(data);
    };
    worker.onerror = (event) => {
      event.preventDefault?.();
      if (started) say({ fault: event.message });
      else if (!stopped) onPage(); // a page that forbids workers made of its own text
    };
    worker.postMessage(plan);
  } catch {
    setTimeout(() => stopped || onPage());
  }
  return {
    tell(message) {
      if (!started) said.push(message);
      if (worker) worker.postMessage(message);
      else here?.(message);
    },
    stop() {
      stopped = true;
      worker?.terminate();
    },
  };
}

/** Call show(whether a figure can be seen), and gone() once it is off the page. Returns how to stop. */
export function watchSight(root, show, gone) {
  let inSight = true;
  const look = () => show(inSight && !document.hidden);
  const visible = new IntersectionObserver(([entry]) => {
    inSight = entry.isIntersecting;
    look();
    if (!root.isConnected) gone(); // nobody waits for what it trains
  });
  visible.observe(root);
  document.addEventListener("visibilitychange", look);
  return () => {
    visible.disconnect();
    document.removeEventListener("visibilitychange", look);
  };
}
