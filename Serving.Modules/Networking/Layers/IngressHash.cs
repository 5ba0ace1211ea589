using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Serving.Api.Networking;

namespace Serving.Networking.Layers;

/// <summary>
/// The version of an Ingress used in probes: SHA-256 over the specification as serialized by Go's <c>encoding/json</c>, followed by
/// namespace and name. Other network layers compute the same hash, so every byte matters: declared field order, <c>omitempty</c>, sorted
/// map keys,
/// <c>&lt;</c>, <c>&gt;</c>, <c>&amp;</c> and U+2028/2029 escaped, invalid UTF-16 as U+FFFD.
/// </summary>
public static class IngressHash
{
    /// <summary>The hash in lowercase hexadecimal.</summary>
    public static string Compute(Ingress ingress)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        var text = Serialize(ingress.Spec);
        text.Append(ingress.Metadata.Namespace).Append(ingress.Metadata.Name);
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>The specification as serialized by Go.</summary>
    internal static StringBuilder Serialize(IngressSpec spec)
    {
        var json = new GoJson();
        json.Open('{');
        if (spec.Tls.Count > 0)
        {
            json.Name("tls").List(spec.Tls, WriteTls);
        }

        if (spec.Rules.Count > 0)
        {
            json.Name("rules").List(spec.Rules, WriteRule);
        }

        json.OptionalText("httpOption", spec.HttpOption).Close('}');
        return json.Text;
    }

    private static void WriteTls(GoJson json, IngressTls tls)
    {
        json.Open('{').OptionalList("hosts", tls.Hosts);
        json.OptionalText("secretName", tls.SecretName).OptionalText("secretNamespace", tls.SecretNamespace).Close('}');
    }

    private static void WriteRule(GoJson json, IngressRule rule)
    {
        json.Open('{').OptionalList("hosts", rule.Hosts).OptionalText("visibility", rule.Visibility);
        if (rule.Http is { } http)
        {
            json.Name("http").Open('{').Name("paths").List(http.Paths, WritePath).Close('}');
        }

        json.Close('}');
    }

    private static void WritePath(GoJson json, HttpIngressPath path)
    {
        json.Open('{').OptionalText("path", path.Path).OptionalText("rewriteHost", path.RewriteHost);
        if (path.Headers is { Count: > 0 } headers)
        {
            json.Name("headers").Open('{');
            foreach (var (name, match) in Sorted(headers))
            {
                json.Name(name).Open('{').Name("exact").Value(match.Exact).Close('}');
            }

            json.Close('}');
        }

        json.Name("splits").List(path.Splits, WriteSplit).OptionalMap("appendHeaders", path.AppendHeaders).Close('}');
    }

    private static void WriteSplit(GoJson json, IngressBackendSplit split)
    {
        json.Open('{')
            .Name("serviceNamespace")
            .Value(split.ServiceNamespace)
            .Name("serviceName")
            .Value(split.ServiceName)
            .Name("servicePort");
        if (split.ServicePort.Text is { } port)
        {
            json.Value(port);
        }
        else
        {
            json.Value(split.ServicePort.Int);
        }

        if (split.Percent != 0)
        {
            json.Name("percent").Value(split.Percent);
        }

        json.OptionalMap("appendHeaders", split.AppendHeaders).Close('}');
    }

    private static IEnumerable<KeyValuePair<string, T>> Sorted<T>(IReadOnlyDictionary<string, T> map) =>
        map.OrderBy(static entry => Encoding.UTF8.GetBytes(entry.Key), Utf8Order.Instance);

    /// <summary>Go sorts by bytes; UTF-16 order differs beyond the basic plane.</summary>
    private sealed class Utf8Order : IComparer<byte[]>
    {
        public static Utf8Order Instance { get; } = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }

    private sealed class GoJson
    {
        private static readonly SearchValues<char> Special = SearchValues.Create(
            "\"\\<>&\u2028\u2029" + new string([.. Enumerable.Range(0, 0x20).Select(static code => (char)code)])
        );

        private bool _needsComma;

        public StringBuilder Text { get; } = new();

        public GoJson Open(char bracket)
        {
            Comma();
            Text.Append(bracket);
            _needsComma = false;
            return this;
        }

        public GoJson Close(char bracket)
        {
            Text.Append(bracket);
            _needsComma = true;
            return this;
        }

        public GoJson Name(string name)
        {
            Value(name);
            Text.Append(':');
            _needsComma = false;
            return this;
        }

        public GoJson Value(long value)
        {
            Comma();
            Text.Append(value.ToString(CultureInfo.InvariantCulture));
            _needsComma = true;
            return this;
        }

        public GoJson Value(string value)
        {
            Comma();
            Text.Append('"');
            Escape(value);
            Text.Append('"');
            _needsComma = true;
            return this;
        }

        public GoJson List<T>(IReadOnlyList<T> items, Action<GoJson, T> write)
        {
            Open('[');
            foreach (var item in items)
            {
                write(this, item);
            }

            return Close(']');
        }

        public GoJson OptionalText(string name, string value) => value.Length == 0 ? this : Name(name).Value(value);

        public GoJson OptionalList(string name, IReadOnlyList<string> items) =>
            items.Count == 0 ? this : Name(name).List(items, static (json, item) => json.Value(item));

        public GoJson OptionalMap(string name, IReadOnlyDictionary<string, string> map)
        {
            if (map.Count == 0)
            {
                return this;
            }

            Name(name).Open('{');
            foreach (var (key, value) in Sorted(map))
            {
                Name(key).Value(value);
            }

            return Close('}');
        }

        private void Comma()
        {
            if (_needsComma)
            {
                Text.Append(',');
            }
        }

        private void Escape(string value)
        {
            if (!value.AsSpan().ContainsAny(Special))
            {
                Text.Append(value);
                return;
            }

            foreach (var c in value)
            {
                _ = c switch
                {
                    '"' => Text.Append("\\\""),
                    '\\' => Text.Append("\\\\"),
                    '\b' => Text.Append("\\b"),
                    '\f' => Text.Append("\\f"),
                    '\n' => Text.Append("\\n"),
                    '\r' => Text.Append("\\r"),
                    '\t' => Text.Append("\\t"),
                    < ' ' or '<' or '>' or '&' or '\u2028' or '\u2029' => Text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                    _ => Text.Append(c),
                };
            }
        }
    }
}
