import { compose, type Ask } from "./compose";

onmessage = (event: MessageEvent<{ id: number; ask: Ask }>) => {
  postMessage({ id: event.data.id, drawing: compose(event.data.ask) });
};
