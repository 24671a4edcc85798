/** Run `addition` after a method of an object, whether or not the object already has that method. */
export function chain(object, name, addition) {
  const original = object[name];
  object[name] = function (...given) {
    const result = original?.apply(this, given);
    addition.apply(this, given);
    return result;
  };
}
