namespace Serving.ConfigMaps;

/// <summary>A ConfigMap says something that cannot be. The message is for whoever wrote it.</summary>
public sealed class ConfigMapException : Exception
{
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

    /// <summary>The message, with the key before it where the words alone do not name it: nobody should have to guess what to mend.</summary>
    public string Explanation => Key is null || Message.Contains(Key, StringComparison.Ordinal) ? Message : $"{Key}: {Message}";
}
