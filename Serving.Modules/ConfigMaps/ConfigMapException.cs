namespace Serving.ConfigMaps;

/// <summary>A ConfigMap says something that cannot be. The message is for whoever wrote it.</summary>
public sealed class ConfigMapException : Exception
{
    private const int Longest = 900;

    /// <param name="configMap">The ConfigMap, as <c>config-autoscaler</c>.</param>
    /// <param name="key">The key that is wrong; null when it is the whole.</param>
    /// <param name="message">What is wrong, in the words that Knative uses.</param>
    /// <param name="inner">What came before.</param>
    public ConfigMapException(string configMap, string? key, string message, Exception? inner = null)
        : base(message, inner)
    {
        ConfigMap = configMap;
        Key = key;
    }

    /// <summary>The ConfigMap, as <c>config-autoscaler</c>.</summary>
    public string ConfigMap { get; }

    /// <summary>The key that is wrong; null when it is the whole.</summary>
    public string? Key { get; }

    /// <summary>
    /// The message, with the key before it where the words alone do not name it: nobody should have to guess what to mend. Cut
    /// off where it repeats a value that is very long.
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
