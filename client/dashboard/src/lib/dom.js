// Elements from plain values. Text always becomes a text node: no name of a user is ever read as markup.

const SVG = 'http://www.w3.org/2000/svg';

function set(element, name, value) {
    if (value === undefined || value === null || value === false) return;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'style')
        for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'selected')
        element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
}

function fill(element, properties, children) {
    for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
    element.append(
        ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
    );
    return element;
}

/** h('a', {href, class, onclick, style: {...}}, ...children): null and false children are left out. */
export function h(tag, properties, ...children) {
    return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function s(tag, properties, ...children) {
    return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Replaces what is inside an element. */
export function replace(element, ...children) {
    element.replaceChildren(
        ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
    );
    return element;
}

/**
 * Makes things anew by action(), with the focus and the caret where they were: in the element of the same id, or in the
 * one of id `focus`.
 */
export function keepingFocus(action, focus = document.activeElement?.id) {
    const { selectionStart: from, selectionEnd: to, id } = document.activeElement ?? {};
    action();
    const element = focus ? document.getElementById(focus) : null;
    if (!element || element === document.activeElement) return;
    element.focus({ preventScroll: true });
    if (id === focus && Number.isInteger(from) && element.setSelectionRange) element.setSelectionRange(from, to);
}

/** Sets the text only if it differs, so that a selection in the page survives a refresh. */
export function text(element, value) {
    if (element.textContent !== String(value)) element.textContent = value;
}

/**
 * Makes the children of `parent` those of `items`, in their order, keeping the elements of keys that stay. create(item)
 * makes an element, update(element, item) brings one up to date.
 */
export function keyed(parent, items, key, create, update) {
    const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let at = parent.firstElementChild;
    for (const item of items) {
        const name = String(key(item));
        let element = old.get(name);
        old.delete(name);
        if (!element) {
            element = create(item);
            element.dataset.key = name;
        }
        update(element, item);
        if (element === at) at = at.nextElementSibling;
        else parent.insertBefore(element, at);
    }
    for (const element of old.values()) element.remove();
}

/** Whether keys that are pressed now go into a field. */
export function typing(target) {
    return (
        target instanceof Element &&
        (target.isContentEditable ||
            target.matches('input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select'))
    );
}
