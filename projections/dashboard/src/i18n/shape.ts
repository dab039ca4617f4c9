/** The shape of a language's texts: the same keys, any words. A key that is missing, or that only one has, does not compile. */
export type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }
