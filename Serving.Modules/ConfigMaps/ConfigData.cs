using Serving.Api.Core;

namespace Serving.ConfigMaps;

/// <summary>The data of one ConfigMap, parsed key by key; missing keys keep their fallback. Throws
/// <see cref="ConfigMapException"/>.</summary>
/// <param name="name">The name of the ConfigMap, such as <c>config-autoscaler</c>.</param>
/// <param name="data">Its data.</param>
/// <param name="prefix">Prefix of parse error messages.</param>
internal sealed class ConfigData(string name, IReadOnlyDictionary<string, string> data, string prefix = "")
{
    public IReadOnlyDictionary<string, string> Raw => data;

    public bool Has(string key) => data.ContainsKey(key);

    /// <summary>The text, trimmed.</summary>
    public string String(string key, string fallback) => Noted(key, data.TryGetValue(key, out var text) ? text.Trim() : fallback);

    public bool Bool(string key, bool fallback) => Read(key, fallback, GoValues.ParseBool);

    public double Float(string key, double fallback) => Read(key, fallback, GoValues.ParseFloat);

    public int Int32(string key, int fallback) => Read(key, fallback, static text => (int)GoValues.ParseInt(text, 32));

    public long Int64(string key, long fallback) => Read(key, fallback, static text => GoValues.ParseInt(text, 64));

    public uint UInt32(string key, uint fallback) => Read(key, fallback, static text => (uint)GoValues.ParseUint(text, 32));

    public TimeSpan Duration(string key, TimeSpan fallback) => Read(key, fallback, GoValues.ParseDuration);

    public Quantity? Quantity(string key, Quantity? fallback) =>
        Read<Quantity?>(
            key,
            fallback,
            static text =>
            {
                var quantity = new Quantity(text);
                return quantity.Refusal is { } refusal ? throw new FormatException(refusal) : quantity;
            }
        );

    /// <summary>A comma-separated list, with each entry trimmed.</summary>
    public IReadOnlySet<string> Set(string key, IReadOnlySet<string> fallback) =>
        Noted(
            key,
            data.TryGetValue(key, out var text) ? text.Split(',').Select(item => item.Trim()).ToHashSet(StringComparer.Ordinal) : fallback
        );

    /// <summary>An enumeration value by its name, case-insensitive; an unknown name keeps the fallback.</summary>
    public T Choice<T>(string key, T fallback)
        where T : struct, Enum
    {
        if (!data.TryGetValue(key, out var text))
            return Noted(key, fallback);
        foreach (var candidate in Enum.GetValues<T>())
        {
            if (text.Equals(candidate.ToString(), StringComparison.OrdinalIgnoreCase))
                return Noted(key, candidate);
        }

        return Noted(key, fallback);
    }

    public T Read<T>(string key, T fallback, Func<string, T> parse)
    {
        if (!data.TryGetValue(key, out var text))
            return Noted(key, fallback);
        try
        {
            return Noted(key, parse(text));
        }
        catch (FormatException wrong)
        {
            throw new ConfigMapException(name, key, $"{prefix}failed to parse \"{key}\": {wrong.Message}", wrong);
        }
    }

    /// <summary>A resource quantity: null, or a quantity that is not negative.</summary>
    public Quantity? Amount(string key, Quantity? fallback)
    {
        var quantity = Quantity(key, fallback);
        Require(
            quantity is not { } amount || IsUsable(amount),
            key,
            $"{key} ({quantity}) must not be negative, nor more than a number can hold"
        );
        return quantity;
    }

    /// <summary>Throws when Kubernetes would reject a pod with this request and this limit.</summary>
    public void RequireWithin(string requestKey, Quantity? request, string limitKey, Quantity? limit) =>
        Require(
            request is not { } least
                || limit is not { } most
                || !least.TryGetAmount(out var wanted)
                || !most.TryGetAmount(out var allowed)
                || wanted <= allowed,
            Has(limitKey) ? limitKey : requestKey,
            $"{requestKey} ({request}) cannot be greater than {limitKey} ({limit})"
        );

    /// <summary>A networking class or issuer name: not empty, without white space or control characters.</summary>
    public void RequireName(string key, string value, string what) =>
        Require(
            value.Length > 0 && !value.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)),
            key,
            $"{key} is {GoValues.Quote(value)}, which is no {what}: give it a name without white space, or remove the key for the default"
        );

    /// <summary>Records the value of a key, when the data is read for display; returns it.</summary>
    public T Noted<T>(string key, T value)
    {
        (data as ConfigReadings)?.Note(key, value);
        return value;
    }

    private static bool IsUsable(Quantity amount) => amount.TryGetAmount(out var value) && value >= 0;

    /// <summary>Throws with <paramref name="message"/> unless <paramref name="holds"/> is true.</summary>
    public void Require(bool holds, string key, string message)
    {
        if (!holds)
            throw Refuse(key, message);
    }

    public ConfigMapException Refuse(string? key, string message, Exception? inner = null) => new(name, key, message, inner);
}
