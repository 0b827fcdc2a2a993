/** `window.kogame`: what the page knows, for browser tests and the curious. It only reads. */

export function exposeHook(read: Record<string, () => unknown>): void {
  const properties = Object.entries(read).map(([name, get]) => [name, { get, enumerable: true }]);
  const hook = Object.defineProperties({}, Object.fromEntries(properties) as PropertyDescriptorMap);
  Object.defineProperty(window, "kogame", { value: Object.freeze(hook) });
}
