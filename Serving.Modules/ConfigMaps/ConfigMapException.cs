namespace Serving.ConfigMaps;

/// <summary>A ConfigMap is invalid. The message is for its author.</summary>
public sealed class ConfigMapException : Exception
{
    private const int Longest = 900;

    /// <param name="configMap">The name of the ConfigMap, such as <c>config-autoscaler</c>.</param>
    /// <param name="key">The invalid key; null when it is the whole ConfigMap.</param>
    /// <param name="message">The error, in Knative's wording.</param>
    /// <param name="inner">The cause.</param>
    public ConfigMapException(string configMap, string? key, string message, Exception? inner = null)
        : base(message, inner)
    {
        ConfigMap = configMap;
        Key = key;
    }

    /// <summary>The name of the ConfigMap, such as <c>config-autoscaler</c>.</summary>
    public string ConfigMap { get; }

    /// <summary>The invalid key; null when it is the whole ConfigMap.</summary>
    public string? Key { get; }

    /// <summary>
    /// The message, prefixed with the key if it does not name it already, so that the author knows what to fix. Truncated where it repeats
    /// a very long value.
    /// </summary>
    public string Explanation
    {
        get
        {
            var words = Message.Length <= Longest ? Message : $"{Message.AsSpan(0, Longest)}…";
            return Key is null || words.Contains(Key, StringComparison.Ordinal) ? words : $"{Key}: {words}";
        }
    }
}
