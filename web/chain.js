/** Do something more after a method of an object, whether it has that method or not. */
export function chain(object, name, addition) {
  const original = object[name];
  object[name] = function (...given) {
    const result = original?.apply(this, given);
    addition.apply(this, given);
    return result;
  };
}
