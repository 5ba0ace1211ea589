namespace Serving.Tests.Cluster;

/// <summary>What is checked on every page in the browser, as functions that return what is wrong.</summary>
internal static class PageChecks
{
    /// <summary>The contrast of every visible text with the background behind it, where it is too low.</summary>
    public const string LowContrast = """
        () => {
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const luminance = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const background = e => { for (let n = e; n; n = n.parentElement) { const c = rgba(getComputedStyle(n).backgroundColor); if (c[3] === 255) return c; } return rgba('Canvas'); };
          const low = [];
          for (const e of document.body.querySelectorAll('*')) {
            const hasText = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
            const box = e.getBoundingClientRect();
            if (!hasText || box.width < 2 || e.closest('svg')) continue;
            const [a, b] = [luminance(rgba(getComputedStyle(e).color).slice(0, 3)), luminance(background(e).slice(0, 3))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) low.push(`${e.tagName}.${e.className} "${e.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
          }
          return low;
        }
        """;

    /// <summary>What has no name for a screen reader, or breaks the structure that it relies on.</summary>
    public const string Nameless = """
        () => {
          const wrong = [];
          for (const e of document.querySelectorAll('a, button')) if (!(e.textContent.trim() || e.ariaLabel)) wrong.push('no name: ' + e.outerHTML.slice(0, 80));
          for (const e of document.querySelectorAll('input, select')) if (!e.labels.length) wrong.push('no label: ' + e.id);
          for (const e of document.querySelectorAll('svg')) if (e.getAttribute('aria-hidden') !== 'true' && !(e.getAttribute('role') === 'img' && e.ariaLabel)) wrong.push('no text: svg');
          for (const e of document.querySelectorAll('[role=region], nav')) if (!e.ariaLabel) wrong.push('unnamed landmark: ' + e.outerHTML.slice(0, 80));
          const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
          ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => wrong.push('twice: ' + id));
          if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('h1').length !== 1) wrong.push('main or h1');
          return wrong;
        }
        """;
}
